// The console: who is there, which view, and what stands around it.

import { useEffect, useRef, useState } from "preact/hooks";

import { Problem } from "./parts/states.js";
import { type Theme, useTheme } from "./parts/theme.js";
import { href, type Place, type Route, usePlace } from "./router.js";
import { forgotten, resumed, type Session } from "./session.js";
import { AgentPage } from "./views/agent.js";
import { AgentsPage } from "./views/agents.js";
import { HealthPage } from "./views/health.js";
import { MemoryPage } from "./views/memory.js";
import { SignIn } from "./views/signin.js";

type Entry = { at: "looking" } | { at: "door" } | { at: "inside"; session: Session } | { at: "failed"; error: unknown };

export function Console() {
  const place = usePlace();
  const [theme, setTheme] = useTheme();
  const [entry, setEntry] = useState<Entry>({ at: "looking" });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const ending = new AbortController();
    setEntry({ at: "looking" });
    resumed(ending.signal).then(
      (session) => !ending.signal.aborted && setEntry(session === null ? { at: "door" } : { at: "inside", session }),
      (error: unknown) => !ending.signal.aborted && setEntry({ at: "failed", error }),
    );
    return () => ending.abort();
  }, [turn]);
  const session = entry.at === "inside" ? entry.session : null;
  const leave = (): void => {
    forgotten(session);
    setEntry({ at: "door" });
  };
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the content
      </a>
      <Header route={place.route} session={session} theme={theme} onTheme={setTheme} onLeave={leave} onKey={() => setEntry({ at: "door" })} />
      <main id="main" tabIndex={-1}>
        {entry.at === "looking" && <p class="loading" role="status">Asking at the door …</p>}
        {entry.at === "failed" && <><h1>Quantum memory</h1><Problem error={entry.error} again={() => setTurn(turn + 1)} /></>}
        {entry.at === "door" && <SignIn onIn={(made) => setEntry({ at: "inside", session: made })} />}
        {session !== null && <View place={place} session={session} />}
      </main>
    </>
  );
}

/** To the content without the address being changed, which names the view. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function View({ place, session }: { place: Place; session: Session }) {
  const { route, query } = place;
  useHeading(route);
  switch (route.view) {
    case "agents":
      return <AgentsPage session={session} />;
    case "health":
      return <HealthPage session={session} />;
    case "agent":
      return <AgentPage key={route.agent} session={session} agent={route.agent} tab={route.tab} query={query} />;
    case "memory":
      return <MemoryPage key={`${route.agent}/${route.memory}`} session={session} agent={route.agent} memory={route.memory} query={query} />;
    case "nowhere":
      return (
        <>
          <h1 tabIndex={-1}>There is no such page</h1>
          <p>
            <a href={href({ view: "agents" })}>To the agents</a>
          </p>
        </>
      );
  }
}

/** After a change of view its heading has the focus, and the window its name. */
function useHeading(route: Route): void {
  const first = useRef(true);
  useEffect(() => {
    document.title = `${titled(route)} · Quantum memory`;
    if (first.current) {
      first.current = false;
      return;
    }
    document.querySelector<HTMLElement>("h1")?.focus();
    scrollTo(0, 0);
  }, [JSON.stringify(route)]);
}

function titled(route: Route): string {
  switch (route.view) {
    case "agents":
      return "Agents";
    case "health":
      return "Health";
    case "agent":
      return `${route.agent}: ${route.tab}`;
    case "memory":
      return `${route.agent}: a memory`;
    case "nowhere":
      return "No such page";
  }
}

interface HeaderProps {
  route: Route;
  session: Session | null;
  theme: Theme;
  onTheme: (theme: Theme) => void;
  onLeave: () => void;
  /** Who was let in without a key has one. */
  onKey: () => void;
}

function Header({ route, session, theme, onTheme, onLeave, onKey }: HeaderProps) {
  const here = (view: Route["view"]) => (route.view === view ? "page" : undefined);
  return (
    <header class="top">
      <a class="brand" href={href({ view: "agents" })}>
        <Mark />
        Quantum memory
      </a>
      {session !== null && (
        <nav aria-label="Console">
          <a href={href({ view: "agents" })} aria-current={here("agents") ?? (route.view === "agent" || route.view === "memory" ? "true" : undefined)}>
            Agents
          </a>
          <a href={href({ view: "health" })} aria-current={here("health")}>
            Health
          </a>
        </nav>
      )}
      <div class="who">
        {session !== null && (
          <p>
            <span class="role">{session.caller.role}</span>
            <span class="tenant"> of {session.caller.tenant}</span>
          </p>
        )}
        <label class="theme">
          <span class="unseen">Colours</span>
          <select value={theme} onChange={(event) => onTheme(event.currentTarget.value as Theme)}>
            <option value="auto">Auto</option>
            <option value="light">Light</option>
            <option value="dark">Dark</option>
          </select>
        </label>
        {session !== null && (
          <button type="button" class="plain" onClick={session.keyed ? onLeave : onKey}>
            {session.keyed ? "Sign out" : "Sign in"}
          </button>
        )}
      </div>
    </header>
  );
}

function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <path d="M10 7v18M10 20c0-6 12-3 12-10" />
      <circle cx="10" cy="6" r="2.6" />
      <circle cx="10" cy="26" r="2.6" />
      <circle cx="22" cy="8" r="2.6" />
    </svg>
  );
}
