// One memory: what it says, and where it comes from.

import type { Schemas } from "quantum-memory-client";
import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";

import { useAnswer } from "../parts/asking.js";
import { Dialog } from "../parts/dialog.js";
import { keyOf, type Line, ownPlace, undoneOf, within } from "../parts/graph.js";
import { Shown } from "../parts/states.js";
import { count, kindly, named, number, percent, signed, when } from "../parts/words.js";
import { href } from "../router.js";
import { may, type Session } from "../session.js";
import { plain } from "./acts.js";
import { branchNames, ownBranches, type Tree } from "./agent.js";
import { Tags } from "./search.js";

type Memory = Schemas["MemoryTold"];
type Traced = Schemas["Traced"];
type Event = Schemas["EventTold"];
const EVENTS = 50;

interface MemoryProps {
  session: Session;
  agent: string;
  memory: string;
  query: URLSearchParams;
}

export function MemoryPage({ session, agent, memory, query }: MemoryProps) {
  const [forgetting, setForgetting] = useState(false);
  const wanted = query.get("branch");
  const asked = useAnswer(
    async (signal) => {
      const on = session.client.agent(agent, wanted ?? undefined);
      const [traced, log, tree] = await Promise.all([
        on.readProvenance({ memory, signal }),
        on.readLog({ memory, limit: EVENTS, signal }),
        on.readTree({ signal }),
      ]);
      return { traced, events: log.items, more: log.next !== null, tree };
    },
    [agent, memory, wanted],
  );
  const branch = wanted ?? (asked.found === undefined ? null : (ownBranches(asked.found.tree, agent)[0]?.name ?? null));
  const back = href({ view: "agent", agent, tab: "memories" }, { branch: wanted });
  return (
    <>
      <p class="crumbs">
        <a href={href({ view: "agents" })}>Agents</a>
        <a href={href({ view: "agent", agent, tab: "history" }, { branch: wanted })}>{agent}</a>
        <a href={back}>Memories</a>
      </p>
      <div class="head">
        <h1 tabIndex={-1}>A memory</h1>
        {asked.found !== undefined && may(session.caller, "writer") && (
          <button type="button" class="danger" onClick={() => setForgetting(true)}>
            Forget
          </button>
        )}
      </div>
      <Shown asked={asked} what="the memory">
        {({ traced, events, more, tree }) => (
          <>
            <Told memory={traced.memory} />
            <Provenance agent={agent} branch={branch} traced={traced} events={events} more={more} tree={tree} />
          </>
        )}
      </Shown>
      {forgetting && asked.found !== undefined && (
        <ForgetDialog session={session} agent={agent} branch={branch} memory={asked.found.traced.memory} back={back} onClose={() => setForgetting(false)} />
      )}
    </>
  );
}

function Told({ memory }: { memory: Memory }) {
  const { pleasure, arousal, dominance } = memory.pad;
  const rows: [string, ComponentChildren][] = [
    ["Happened", when(memory.at)],
    ["Said by", memory.speaker ?? "nobody in particular"],
    ["Kind", memory.kind],
    ["Conversation", memory.session ?? "none"],
    ["Feeling", `pleasure ${signed(pleasure)}, arousal ${signed(arousal)}, dominance ${signed(dominance)}`],
    ["Importance", number(memory.importance)],
    ["Confidence", percent(memory.confidence)],
    ["Rewritten", memory.revised_at === null ? "never" : when(memory.revised_at)],
    ["Id", <code key="id">{memory.id}</code>],
  ];
  const metadata = Object.entries(memory.metadata);
  return (
    <>
      <blockquote class="told">{memory.text}</blockquote>
      <Tags tags={memory.tags} />
      <dl class="facts">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
        {metadata.map(([name, value]) => (
          <div key={`metadata ${name}`}>
            <dt>
              <code>{name}</code>
            </dt>
            <dd>{plain(value)}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

interface ProvenanceProps {
  agent: string;
  branch: string | null;
  traced: Traced;
  events: Event[];
  more: boolean;
  tree: Tree;
}

function Provenance({ agent, branch, traced, events, more, tree }: ProvenanceProps) {
  const names = useMemo(() => branchNames(tree, agent), [tree, agent]);
  const undone = useMemo(() => undoneOf(events), [events]);
  const other = (id: string) => (
    <li key={id}>
      <a href={href({ view: "memory", agent, memory: id }, { branch })}>
        <code>{id}</code>
      </a>
    </li>
  );
  return (
    <section aria-labelledby="provenance">
      <h2 id="provenance">Where it comes from</h2>
      {traced.how !== null && (
        <p>
          It was made of {count(traced.sources.length + traced.gone.length, "other memory", "other memories")}, as {article(traced.how)}.
        </p>
      )}
      <ol class="events">
        {events.map((event) => (
          <Brought key={keyOf(event.place)} agent={agent} branch={branch} event={event} undone={undone.has(keyOf(event.place))} names={names} tree={tree} />
        ))}
      </ol>
      {more && <p class="quiet">Older events are left out here.</p>}
      {traced.sources.length > 0 && (
        <>
          <h3>Made of</h3>
          <ul class="ids">{traced.sources.map(other)}</ul>
        </>
      )}
      {traced.gone.length > 0 && <p class="quiet">{count(traced.gone.length, "memory", "memories")} that it was made of are not there any more.</p>}
      {traced.made.length > 0 && (
        <>
          <h3>Made of it</h3>
          <ul class="ids">{traced.made.map(other)}</ul>
        </>
      )}
    </section>
  );
}

function article(word: string): string {
  return `${/^[aeiou]/.test(word) ? "an" : "a"} ${word}`;
}

const DID: Record<string, string> = {
  remembered: "Brought in by remembering",
  merged: "Brought in or changed by a merge",
  picked: "Taken over from another branch",
  revised: "Rewritten",
  forgotten: "Forgotten",
  used: "Of use",
  rolled_back: "The branch was rolled back",
};

interface BroughtProps {
  agent: string;
  branch: string | null;
  event: Event;
  /** A rollback took it back. */
  undone: boolean;
  names: ReadonlyMap<string, string>;
  tree: Tree;
}

/** An event that had to do with the memory, where it was, and since which checkpoint it is kept. */
function Brought({ agent, branch, event, undone, names, tree }: BroughtProps) {
  const lines = new Map<string, Line>(tree.branches.map((one) => [one.id, one]));
  const commit = firstCommit(tree, lines, event);
  const from = tree.merges.find(([to]) => keyOf(to) === keyOf(event.place))?.[1];
  const place = href({ view: "agent", agent, tab: "history" }, { branch, at: keyOf(ownPlace(lines, event.place)) });
  return (
    <li class={undone ? "undone" : undefined}>
      <p>
        <b>{DID[event.kind] ?? kindly(event.kind)}</b>: <a href={place}>event {event.place.seq} of {names.get(event.place.branch) ?? "another branch"}</a>
      </p>
      <p class="quiet">
        {when(event.at)}
        {from !== undefined && `, from ${names.get(from.branch) ?? "another branch"}, event ${from.seq}`}
        {commit !== undefined && `, in the checkpoint “${commit.message}”`}
        {undone && ". A later rollback took this back"}
      </p>
      <p class="log-said">{named(event.summary, names)}</p>
    </li>
  );
}

/** The first checkpoint that has an event in it, on its own branch. */
function firstCommit(tree: Tree, lines: Map<string, Line>, event: Event): Tree["commits"][number] | undefined {
  return tree.commits
    .filter((one) => {
      const line = lines.get(one.place.branch);
      return line !== undefined && one.place.branch === event.place.branch && one.place.seq >= event.place.seq && within(lines, line, event.place);
    })
    .sort((a, b) => a.place.seq - b.place.seq)[0];
}

interface ForgetProps {
  session: Session;
  agent: string;
  branch: string | null;
  memory: Memory;
  back: string;
  onClose: () => void;
}

function ForgetDialog({ session, agent, branch, memory, back, onClose }: ForgetProps) {
  const act = async (): Promise<void> => {
    await session.client.agent(agent, branch ?? undefined).forgetMemory(memory.id);
    location.hash = back;
  };
  return (
    <Dialog title="Forget this memory?" action="Forget it" danger onDo={act} onClose={onClose}>
      <blockquote class="told told-small">{memory.text}</blockquote>
      <p>
        It is found no more on <b>{branch ?? "this branch"}</b>. Branches that left before keep theirs, and it stays in the history: rolling back to before
        this brings it back.
      </p>
    </Dialog>
  );
}
