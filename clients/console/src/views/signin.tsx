// At the door: the key is asked for, tried, and kept for this tab alone.

import { useState } from "preact/hooks";

import { useDoing } from "../parts/asking.js";
import { Text } from "../parts/fields.js";
import { Problem } from "../parts/states.js";
import { opened, type Session } from "../session.js";

export function SignIn({ onIn }: { onIn: (session: Session) => void }) {
  const [key, setKey] = useState("");
  const doing = useDoing();
  const enter = (event: Event): void => {
    event.preventDefault();
    doing.run(async () => onIn(await opened(key.trim())));
  };
  return (
    <section class="signin">
      <h1 tabIndex={-1}>Who is asking?</h1>
      <p>The door lets in whoever has a key. It is kept for this tab, and forgotten when the tab is closed.</p>
      <form onSubmit={enter} aria-busy={doing.busy}>
        <Text label="API key" type="password" value={key} onChange={setKey} required placeholder="qm_…" />
        {doing.error !== undefined && <Problem error={doing.error} />}
        <button type="submit" class="primary" disabled={doing.busy}>
          {doing.busy ? "Asking …" : "Come in"}
        </button>
      </form>
      <p class="hint">
        <code>qmem keys create laptop --role writer</code> makes one, and shows it once.
      </p>
    </section>
  );
}
