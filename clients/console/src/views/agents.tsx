// The agents that there are, and making one.

import { every } from "quantum-memory-client";
import { useState } from "preact/hooks";

import { useAnswer } from "../parts/asking.js";
import { Dialog } from "../parts/dialog.js";
import { Text } from "../parts/fields.js";
import { Empty, Shown } from "../parts/states.js";
import { count } from "../parts/words.js";
import { href } from "../router.js";
import { may, type Session } from "../session.js";

/** More are found by a part of their name. */
const SHOWN = 200;

export function AgentsPage({ session }: { session: Session }) {
  const [part, setPart] = useState("");
  const [making, setMaking] = useState(false);
  const asked = useAnswer(async (signal) => {
    const names: string[] = [];
    for await (const one of every((cursor) => session.client.listAgents({ limit: 1000, signal, ...(cursor ? { cursor } : {}) })))
      names.push(one.name);
    return names;
  }, []);
  const writes = may(session.caller, "writer");
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>Agents</h1>
        {writes && (
          <button type="button" class="primary" onClick={() => setMaking(true)}>
            New agent
          </button>
        )}
      </div>
      <Shown asked={asked} what="the agents">
        {(names) =>
          names.length === 0 ? (
            <Empty title="There are no agents yet.">
              <p>{writes ? "Make one, and let it remember something." : "None that this key may see."}</p>
            </Empty>
          ) : (
            <Names names={names} part={part} onPart={setPart} />
          )
        }
      </Shown>
      {making && <NewAgent session={session} onClose={() => setMaking(false)} />}
    </>
  );
}

function Names({ names, part, onPart }: { names: string[]; part: string; onPart: (part: string) => void }) {
  const found = names.filter((name) => name.toLowerCase().includes(part.trim().toLowerCase()));
  return (
    <>
      <div class="narrow">
        <Text label="Find by name" type="search" value={part} onChange={onPart} />
      </div>
      <p class="quiet" role="status">
        {found.length === names.length ? count(names.length, "agent") : `${found.length} of ${count(names.length, "agent")}`}
        {found.length > SHOWN && `, the first ${SHOWN} shown`}
      </p>
      {found.length === 0 && <Empty title={`No agent has “${part}” in its name.`} />}
      <ul class="names">
        {found.slice(0, SHOWN).map((name) => (
          <li key={name}>
            <a href={href({ view: "agent", agent: name, tab: "history" })}>{name}</a>
          </li>
        ))}
      </ul>
    </>
  );
}

function NewAgent({ session, onClose }: { session: Session; onClose: () => void }) {
  const [name, setName] = useState("");
  const make = async (): Promise<void> => {
    await session.client.agent(name.trim()).makeAgent();
    location.hash = href({ view: "agent", agent: name.trim(), tab: "history" });
  };
  return (
    <Dialog title="New agent" action="Make it" onDo={make} ready={name.trim() !== ""} onClose={onClose}>
      <p>It begins with nothing: no memories, an even mood, and one branch. If there is one of this name, that is opened.</p>
      <Text label="Name" value={name} onChange={setName} required maxLength={128} />
    </Dialog>
  );
}
