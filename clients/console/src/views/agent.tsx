// One agent: its heading, its branch, whether it is live, and one of its views.

import type { Schemas } from "quantum-memory-client";
import { useEffect, useRef, useState } from "preact/hooks";

import { useAnswer } from "../parts/asking.js";
import { type Ears, type Live, useLive } from "../parts/live.js";
import { Shown } from "../parts/states.js";
import { href, type Tab, TABS } from "../router.js";
import type { Session } from "../session.js";
import { HistoryView } from "./history.js";
import { MemoriesView } from "./memories.js";
import { MoodView } from "./mood.js";
import { SearchView } from "./search.js";

export type Tree = Schemas["TreeTold"];

/** What every view of an agent has. */
export interface OfAgent {
  session: Session;
  agent: string;
  /** The branch that is looked at. */
  branch: string;
  tree: Tree;
  query: URLSearchParams;
  /** Something was changed here. */
  onChange: () => void;
  /** A branch was made here, which is to be looked at. */
  onFork: (branch: string) => void;
  /** Grows with every change that is heard of. */
  turn: number;
  ears: { current: Ears };
}

const CALLED: Record<Tab, string> = { history: "History", mood: "Mood", memories: "Memories", search: "Search" };

export function AgentPage({ session, agent, tab, query }: { session: Session; agent: string; tab: Tab; query: URLSearchParams }) {
  const [turn, setTurn] = useState(0);
  const ears = useRef<Ears>({});
  const asked = useAnswer((signal) => session.client.agent(agent).readTree({ signal }), [agent], turn);
  const changed = (): void => setTurn((one) => one + 1);
  const live = useLive(session, agent, { changed, mood: (told) => ears.current.mood?.(told) });
  const branches = asked.found === undefined ? [] : ownBranches(asked.found, agent);
  const branch = query.get("branch") ?? branches[0]?.name ?? "main";
  const [made, setMade] = useState<string | null>(null);
  // Not before it is known: until then there would be nothing to show, and the focus would be lost.
  useEffect(() => {
    if (made === null || !branches.some((one) => one.name === made)) return;
    setMade(null);
    location.hash = href({ view: "agent", agent, tab: "history" }, { branch: made });
  }, [made, asked.found]);
  const forked = (name: string): void => {
    setMade(name);
    changed();
  };
  return (
    <>
      <p class="crumbs">
        <a href={href({ view: "agents" })}>Agents</a>
      </p>
      <div class="head">
        <h1 tabIndex={-1}>{agent}</h1>
        <LiveMark live={live} />
      </div>
      <div class="tabs">
        <nav aria-label={`Views of ${agent}`}>
          {TABS.map((one) => (
            <a key={one} href={href({ view: "agent", agent, tab: one }, { branch: query.get("branch") })} aria-current={one === tab ? "page" : undefined}>
              {CALLED[one]}
            </a>
          ))}
        </nav>
        {branches.length > 1 && (
          <label class="branch">
            Branch
            <select value={branch} onChange={(event) => (location.hash = moved(agent, tab, query, event.currentTarget.value))}>
              {branches.map((one) => (
                <option key={one.id} value={one.name}>
                  {one.name}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
      <Shown asked={asked} what={agent}>
        {(tree) => {
          const shared: OfAgent = { session, agent, branch, tree, query, onChange: changed, onFork: forked, turn, ears };
          if (tab === "mood") return <MoodView {...shared} />;
          if (tab === "memories") return <MemoriesView {...shared} />;
          if (tab === "search") return <SearchView {...shared} />;
          return <HistoryView {...shared} />;
        }}
      </Shown>
    </>
  );
}

/** The agent's branches that are there, oldest first. */
export function ownBranches(tree: Tree, agent: string): Tree["branches"] {
  return tree.branches.filter((one) => one.agent === agent && !one.deleted && one.kind !== "transaction");
}

/** What branches are called, by their ids; those of another agent with its name. */
export function branchNames(tree: Tree, agent: string): Map<string, string> {
  return new Map(tree.branches.map((one) => [one.id, one.agent === agent ? one.name : `${one.name} of ${one.agent ?? "another agent"}`]));
}

function moved(agent: string, tab: Tab, query: URLSearchParams, branch: string): string {
  return href({ view: "agent", agent, tab }, { ...Object.fromEntries(query), branch, at: null });
}

function LiveMark({ live }: { live: Live }) {
  return (
    <p class={`live live-${live.state}`} role="status">
      <span class="dot" aria-hidden="true" />
      {live.says}
    </p>
  );
}
