// What stands where there is nothing to show: not yet, not at all, or not now.

import { ProblemError } from "quantum-memory-client";
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";

import type { Asked } from "./asking.js";
import { count } from "./words.js";

/** What went wrong, in the door's own words, and a way to try again that waits as long as the door says. */
export function Problem({ error, again }: { error: unknown; again?: () => void }) {
  const waitS = useWait(error);
  const problem = error instanceof ProblemError ? error.problem : null;
  const title = problem?.title ?? "The door could not be reached";
  const detail = problem?.detail ?? (error instanceof Error ? error.message : String(error));
  return (
    <div class="problem" role="alert">
      <p class="problem-title">{title}</p>
      <p>{detail}</p>
      {waitS > 0 && <p>It can be tried again in {count(waitS, "second")}.</p>}
      {problem?.request_id && (
        <p class="quiet">
          Request <code>{problem.request_id}</code>
        </p>
      )}
      {again && (
        <button type="button" disabled={waitS > 0} onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}

/** For how many seconds more the door asked to be left alone. */
function useWait(error: unknown): number {
  const askedS = error instanceof ProblemError && error.retryAfterMs !== null ? Math.ceil(error.retryAfterMs / 1000) : 0;
  const [leftS, setLeftS] = useState(askedS);
  useEffect(() => {
    setLeftS(askedS);
    if (askedS === 0) return;
    const end = Date.now() + askedS * 1000;
    const timer = setInterval(() => setLeftS(Math.max(0, Math.ceil((end - Date.now()) / 1000))), 250);
    return () => clearInterval(timer);
  }, [error]);
  return leftS;
}

function Loading({ what }: { what: string }) {
  return (
    <p class="loading" role="status">
      Loading {what} …
    </p>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

/** An answer once it is there; before that that it is coming, or why it is not. */
export function Shown<T>({ asked, what, children }: { asked: Asked<T>; what: string; children: (found: T) => ComponentChildren }) {
  return (
    <>
      {asked.error !== undefined && <Problem error={asked.error} again={asked.again} />}
      {asked.found !== undefined ? children(asked.found) : asked.loading && <Loading what={what} />}
    </>
  );
}
