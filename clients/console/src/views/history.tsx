// The branches of an agent as a graph, and what can be done at the place that is chosen in it.

import { useMemo, useRef, useState } from "preact/hooks";

import { useAnswer } from "../parts/asking.js";
import { graphOf, type Graph, type Line, placeOf, type Spot, within } from "../parts/graph.js";
import { GraphLines } from "../parts/graph-lines.js";
import { Empty, Problem, Shown } from "../parts/states.js";
import { count, kindly, named, when } from "../parts/words.js";
import { href } from "../router.js";
import { may, type Session } from "../session.js";
import { CheckpointDialog, ForkDialog, MergeDialog, RollbackDialog } from "./acts.js";
import { branchNames, type OfAgent, ownBranches } from "./agent.js";

/** Newest branches whose events are looked at, beside the first and the chosen one, and how many of each; of others checkpoints, forks and merges are known. */
const LOOKED_AT = 8;
const EVENTS = 200;
const ROWS = 150;

export function HistoryView(shared: OfAgent) {
  const { session, agent, branch, tree, query, turn } = shared;
  const own = ownBranches(tree, agent);
  const always = own.filter((_, index) => index === 0 || index >= own.length - LOOKED_AT);
  const line = own.find((one) => one.name === branch);
  const looked = line === undefined || always.includes(line) ? always : [...always, line];
  const events = useAnswer(
    async (signal) => {
      const logs = looked.map((one) => session.client.agent(agent, one.name).readLog({ limit: EVENTS, signal }));
      return (await Promise.all(logs)).flatMap((page) => page.items);
    },
    [agent, looked === always ? null : branch],
    turn,
  );
  const asked = query.get("at");
  const graph = useMemo(() => graphOf(tree, events.found, [placeOf(asked)].filter((one) => one !== null)), [tree, events.found, asked]);
  const chosen =
    graph.spots.find((spot) => spot.key === asked) ?? graph.spots.find((spot) => spot.head && spot.branch.id === line?.id) ?? graph.spots[0];
  const [all, setAll] = useState(false);
  const [doing, setDoing] = useState<Doing | null>(null);
  const names = useMemo(() => branchNames(tree, agent), [tree]);
  if (line === undefined || chosen === undefined)
    return <Empty title={`There is no branch ${branch}.`} />;
  const shown: Graph = all || graph.spots.length <= ROWS ? graph : cut(graph, Math.max(ROWS, chosen.row + 1));
  const choose = (spot: Spot): void => {
    const its = own.find((one) => one.id === spot.branch.id);
    location.replace(href({ view: "agent", agent, tab: "history" }, { branch: its?.name ?? branch, at: spot.key }));
  };
  return (
    <div class="history">
      <section class="graph" aria-labelledby="branches">
        <h2 id="branches">Branches</h2>
        {events.error !== undefined && <Problem error={events.error} again={events.again} />}
        <div class="graph-body">
          <GraphLines graph={shown} chosen={chosen.key} />
          <Rows graph={shown} chosen={chosen} names={names} onChoose={choose} />
        </div>
        {shown !== graph && (
          <button type="button" onClick={() => setAll(true)}>
            Show {count(graph.spots.length - shown.spots.length, "older place")}
          </button>
        )}
      </section>
      <Chosen shared={shared} spot={chosen} line={line} names={names} onAct={(act) => setDoing({ act, spot: chosen, line })} />
      {doing !== null && <Acting shared={shared} doing={doing} onClose={() => setDoing(null)} />}
    </div>
  );
}

/** The newest rows of a graph. */
function cut(graph: Graph, rows: number): Graph {
  return {
    spots: graph.spots.filter((spot) => spot.row < rows),
    links: graph.links.filter((link) => link.to.row < rows),
    lanes: graph.lanes,
  };
}

interface RowsProps {
  graph: Graph;
  chosen: Spot;
  names: ReadonlyMap<string, string>;
  onChoose: (spot: Spot) => void;
}

function Rows({ graph, chosen, names, onChoose }: RowsProps) {
  const list = useRef<HTMLUListElement>(null);
  const go = (row: number): void => {
    const spot = graph.spots[Math.max(0, Math.min(graph.spots.length - 1, row))];
    if (spot === undefined) return;
    onChoose(spot);
    list.current?.querySelectorAll<HTMLElement>("[role=option]")[spot.row]?.focus();
  };
  const moved = (event: KeyboardEvent): void => {
    const rows: Record<string, number> = { ArrowDown: chosen.row + 1, ArrowUp: chosen.row - 1, Home: 0, End: graph.spots.length - 1 };
    const row = rows[event.key];
    if (row === undefined) return;
    event.preventDefault();
    go(row);
  };
  return (
    <ul class="rows" role="listbox" aria-label="Places, newest first" ref={list} onKeyDown={moved}>
      {graph.spots.map((spot) => (
        <li
          key={spot.key}
          role="option"
          aria-selected={spot.key === chosen.key}
          tabIndex={spot.key === chosen.key ? 0 : -1}
          class={spot.branch.deleted ? "gone" : undefined}
          onClick={() => go(spot.row)}
        >
          <span class="row-title">
            <span class="row-said">{titleOf(spot, names)}</span>
            {spot.head && <span class={`chip${spot.branch.deleted ? "" : " chip-head"}`}>{spot.branch.name}</span>}
            {spot.tags.map((tag) => (
              <span key={tag.name} class="chip">
                <span class="unseen">tag </span>
                {tag.name}
              </span>
            ))}
          </span>
          <span class="row-more">
            {spot.place.seq === 0 ? "" : `event ${spot.place.seq}`}
            {!spot.head && ` of ${spot.branch.name}`}
            {spot.branch.deleted && ", deleted"}
            {spot.between > 0 && `, ${count(spot.between, "more", "more")} before it`}
            {spot.at !== null && ` · ${when(spot.at)}`}
          </span>
        </li>
      ))}
    </ul>
  );
}

function titleOf(spot: Spot, names: ReadonlyMap<string, string>): string {
  const messages = spot.commits.map((one) => one.message).join(", ");
  if (spot.kind === "merge") return `Merged ${[...new Set(spot.merged.map((one) => names.get(one.branch) ?? "another branch"))].join(", ")}`;
  if (spot.kind === "rollback") return `Rolled back ${named(spot.summary, names)}`;
  if (messages !== "") return messages;
  if (spot.kind === "root") return "The beginning";
  if (spot.forks.length > 0) return `${spot.forks.map((one) => one.name).join(", ")} ${spot.forks.length === 1 ? "leaves" : "leave"} here`;
  // What was felt is told in numbers too; the mood's own view has these.
  if (spot.summary !== "") return spot.summary.replace(/^(.+): pleasure [+-].*$/, "Felt $1");
  if (spot.head && spot.place.seq === spot.branch.fork_seq) return "Nothing of its own yet";
  return spot.head ? "Newest event" : `Event ${spot.place.seq}`;
}

type Act = "checkpoint" | "fork" | "merge" | "rollback";

/** What is about to be done, and where: that does not move while somebody thinks about it. */
interface Doing {
  act: Act;
  spot: Spot;
  line: Line;
}

function Acting({ shared, doing, onClose }: { shared: OfAgent; doing: Doing; onClose: () => void }) {
  const { act, spot, line } = doing;
  switch (act) {
    case "checkpoint":
      return <CheckpointDialog shared={shared} spot={spot} onClose={onClose} />;
    case "fork":
      return <ForkDialog shared={shared} spot={spot} atHead={isHead(spot, line)} onClose={onClose} />;
    case "merge":
      return <MergeDialog shared={shared} others={othersOf(shared, line)} onClose={onClose} />;
    case "rollback":
      return <RollbackDialog shared={shared} spot={spot} line={line} onClose={onClose} />;
  }
}

function isHead(spot: Spot, line: Line): boolean {
  return spot.head && spot.branch.id === line.id;
}

function othersOf({ tree, agent }: OfAgent, line: Line): Line[] {
  return ownBranches(tree, agent).filter((one) => one.id !== line.id);
}

interface ChosenProps {
  shared: OfAgent;
  spot: Spot;
  line: Line;
  names: ReadonlyMap<string, string>;
  onAct: (act: Act) => void;
}

/** What is known of a place, and what can be done there. */
function Chosen({ shared, spot, line, names, onAct }: ChosenProps) {
  const { session, agent, tree } = shared;
  const atHead = isHead(spot, line);
  const others = othersOf(shared, line);
  const lines = useMemo(() => new Map(tree.branches.map((one) => [one.id, one])), [tree]);
  const reached = within(lines, line, spot.place);
  const through = reached ? line.name : spot.branch.agent === agent && !spot.branch.deleted ? spot.branch.name : null;
  return (
    <section class="chosen" aria-labelledby="chosen">
      <h2 id="chosen">{titleOf(spot, names)}</h2>
      <p class="quiet">
        {spot.place.seq === 0 ? "Before the first event" : `Event ${spot.place.seq}`} of {spot.branch.name}
        {spot.at !== null && `, ${when(spot.at)}`}
      </p>
      {may(session.caller, "writer") && (
        <div class="actions actions-start">
          {atHead && <button type="button" class="primary" onClick={() => onAct("checkpoint")}>Checkpoint</button>}
          {reached && <button type="button" onClick={() => onAct("fork")}>Fork {atHead ? "" : "from here"}</button>}
          {atHead && others.length > 0 && <button type="button" onClick={() => onAct("merge")}>Merge</button>}
          {!atHead && reached && <button type="button" onClick={() => onAct("rollback")}>Roll back to here</button>}
        </div>
      )}
      <Facts spot={spot} names={names} />
      {spot.place.seq > 0 && through !== null && <Log session={session} agent={agent} branch={through} spot={spot} names={names} turn={shared.turn} />}
    </section>
  );
}

function Facts({ spot, names }: { spot: Spot; names: ReadonlyMap<string, string> }) {
  if (spot.commits.length + spot.merged.length + spot.forks.length === 0) return null;
  return (
    <dl class="facts">
      {spot.commits.map((one) => (
        <div key={one.id}>
          <dt>{one.automatic ? "Checkpoint, automatic" : "Checkpoint"}</dt>
          <dd>
            {one.message} <code>{one.id}</code>
          </dd>
        </div>
      ))}
      {spot.merged.map((one) => (
        <div key={`${one.branch}:${one.seq}`}>
          <dt>Taken over from</dt>
          <dd>
            {names.get(one.branch) ?? "another branch"}, event {one.seq}
          </dd>
        </div>
      ))}
      {spot.forks.map((one) => (
        <div key={one.id}>
          <dt>Left here</dt>
          <dd>{one.name}</dd>
        </div>
      ))}
    </dl>
  );
}

interface LogProps {
  session: Session;
  agent: string;
  /** Through which the place is reached. */
  branch: string;
  spot: Spot;
  names: ReadonlyMap<string, string>;
  turn: number;
}

function Log({ session, agent, branch, spot, names, turn }: LogProps) {
  const asked = useAnswer(
    (signal) => session.client.agent(agent, branch).readLog({ as_of: `:${spot.place.seq}`, limit: 8, signal }),
    [agent, branch, spot.key],
    turn,
  );
  return (
    <>
      <h3>What came before</h3>
      <Shown asked={asked} what="what happened">
        {(page) => (
          <ol class="log">
            {page.items.map((one) => (
              <li key={`${one.place.branch}:${one.place.seq}`}>
                <span class="log-kind">{kindly(one.kind)}</span> <span class="log-said">{named(one.summary, names)}</span>{" "}
                <span class="quiet">{when(one.at)}</span>
              </li>
            ))}
          </ol>
        )}
      </Shown>
    </>
  );
}
