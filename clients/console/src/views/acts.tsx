// What changes an agent's history. Each dialog says what will be so afterwards.

import type { Schemas } from "quantum-memory-client";
import { useState } from "preact/hooks";

import { useAnswer } from "../parts/asking.js";
import { Dialog } from "../parts/dialog.js";
import { Select, Text } from "../parts/fields.js";
import type { Line, Spot } from "../parts/graph.js";
import { Shown } from "../parts/states.js";
import { count, spoken } from "../parts/words.js";
import { href } from "../router.js";
import type { OfAgent } from "./agent.js";

type Part = NonNullable<Schemas["ToRollBack"]["parts"]>[number];
type Merged = Schemas["MergeTold"];
type Policy = Extract<NonNullable<Schemas["ToMerge"]["policy"]>, string>;

interface ActProps {
  shared: OfAgent;
  onClose: () => void;
}

export function CheckpointDialog({ shared, spot, onClose }: ActProps & { spot: Spot }) {
  const { session, agent, branch, onChange } = shared;
  const [message, setMessage] = useState("");
  const act = async (): Promise<void> => {
    await session.client.agent(agent, branch).checkpoint({ message: message.trim() });
    onChange();
  };
  return (
    <Dialog title="Checkpoint" action="Name this place" onDo={act} ready={message.trim() !== ""} onClose={onClose}>
      <p>
        The place where <b>{branch}</b> stands now, event {spot.place.seq}, gets a name. Nothing else changes. You can fork from it or roll back to it
        later.
      </p>
      <Text label="Message" value={message} onChange={setMessage} required maxLength={4096} placeholder="before the move" />
    </Dialog>
  );
}

export function ForkDialog({ shared, spot, atHead, onClose }: ActProps & { spot: Spot; atHead: boolean }) {
  const { session, agent, branch, onFork } = shared;
  const [name, setName] = useState("");
  const act = async (): Promise<void> => {
    const at = atHead ? {} : { at: `:${spot.place.seq}` };
    await session.client.agent(agent, branch).fork({ name: name.trim(), ...at });
    onFork(name.trim());
  };
  return (
    <Dialog title="Fork" action="Fork" onDo={act} ready={name.trim() !== ""} onClose={onClose}>
      <p>
        A new branch begins at event {spot.place.seq} of <b>{branch}</b> and knows all that was known there. Nothing is copied. What is remembered on
        one of both is not seen on the other, until they are merged.
      </p>
      <Text label="Name of the branch" value={name} onChange={setName} required maxLength={128} placeholder="what-if" />
    </Dialog>
  );
}

const PARTS: readonly (readonly [Part, string])[] = [
  ["memories", "Memories"],
  ["graph", "Concepts and relations"],
  ["mood", "Mood"],
  ["working", "Working memory"],
  ["skills", "Skills"],
];

export function RollbackDialog({ shared, spot, line, onClose }: ActProps & { spot: Spot; line: Line }) {
  const { session, agent, branch, onChange } = shared;
  const [parts, setParts] = useState<ReadonlySet<Part>>(new Set(PARTS.map(([part]) => part)));
  const toggle = (part: Part): void => {
    const next = new Set(parts);
    if (!next.delete(part)) next.add(part);
    setParts(next);
  };
  const whole = parts.size === PARTS.length;
  const act = async (): Promise<void> => {
    const some = whole ? {} : { parts: PARTS.map(([part]) => part).filter((part) => parts.has(part)) };
    await session.client.agent(agent, branch).rollback({ to: `:${spot.place.seq}`, ...some });
    onChange();
    location.hash = href({ view: "agent", agent, tab: "history" }, { branch });
  };
  return (
    <Dialog title="Roll back" action="Roll back" danger onDo={act} ready={parts.size > 0} onClose={onClose}>
      <p>
        <b>{branch}</b> will {whole ? "be" : "in these parts be"} again as it was after event {spot.place.seq}. What the{" "}
        {count(line.head - spot.place.seq, "event")} since then brought is found no more, and stays in the history: going back to event {line.head}{" "}
        undoes this. Other branches do not change.
      </p>
      <fieldset>
        <legend>What goes back</legend>
        {PARTS.map(([part, said]) => (
          <label key={part} class="check">
            <input type="checkbox" checked={parts.has(part)} onChange={() => toggle(part)} />
            {said}
          </label>
        ))}
      </fieldset>
    </Dialog>
  );
}

const POLICIES: readonly (readonly [Policy, string])[] = [
  ["union", "Keep both where that can be"],
  ["ours", "This branch wins"],
  ["theirs", "The other branch wins"],
  ["newest", "The newer one wins"],
];

export function MergeDialog({ shared, others, onClose }: ActProps & { others: Line[] }) {
  const { session, agent, branch, onChange } = shared;
  const [from, setFrom] = useState(others[0]?.name ?? "");
  const [policy, setPolicy] = useState<Policy>("union");
  const [done, setDone] = useState<Merged | null>(null);
  if (done !== null) return <MergeReport report={done} into={branch} from={from} onClose={onClose} />;
  const act = async (): Promise<void> => {
    const report = await session.client.agent(agent, branch).merge({ branch: from, policy, mood_weight: 0.5, k: 20 });
    onChange();
    setDone(report);
  };
  return (
    <Dialog title={`Merge into ${branch}`} action="Merge" onDo={act} stays onClose={onClose}>
      <p>
        <b>{branch}</b> takes over what the other branch has learned since they parted. The other branch does not change, and merging again finds nothing
        new. Rolling back undoes it.
      </p>
      <Select label="Take over from" value={from} onChange={setFrom} choices={others.map((one) => [one.name, one.name])} />
      <Select
        label="Where both changed the same"
        value={policy}
        onChange={(value) => setPolicy(value as Policy)}
        choices={POLICIES}
        hint="What was decided so is listed afterwards."
      />
      <Preview shared={shared} from={from} />
    </Dialog>
  );
}

/** How the branches differ now, so that nobody merges blindly. */
function Preview({ shared, from }: { shared: OfAgent; from: string }) {
  const { session, agent, branch } = shared;
  const asked = useAnswer((signal) => session.client.agent(agent, branch).diff({ left: branch, right: from, signal }), [branch, from]);
  return (
    <div class="preview">
      <Shown asked={asked} what="how they differ">
        {(diff) => (
          <ul>
            <li>
              {count(diff.only_right.length, "memory", "memories")} only {from} has, {count(diff.only_left.length, "memory", "memories")} only {branch} has
            </li>
            <li>{count(diff.revised.length, "memory", "memories")} in both, with other words</li>
            <li>
              {count(diff.relations_right.length, "relation")} and {count(diff.skills_right.length, "skill")} only {from} has so
            </li>
          </ul>
        )}
      </Shown>
    </div>
  );
}

function MergeReport({ report, into, from, onClose }: { report: Merged; into: string; from: string; onClose: () => void }) {
  const found = report.added.length + report.revised.length + report.forgotten.length + report.skills.length + report.relations.length;
  return (
    <Dialog title={`Merged ${from} into ${into}`} onClose={onClose}>
      <ul class="report">
        <li>{count(report.added.length, "memory", "memories")} added</li>
        <li>{count(report.revised.length, "memory", "memories")} rewritten</li>
        <li>{count(report.forgotten.length, "memory", "memories")} forgotten</li>
        <li>
          {count(report.skills.length, "skill")} and {count(report.relations.length, "relation")} taken over
        </li>
      </ul>
      {found === 0 && <p>There was nothing new.</p>}
      <Conflicts conflicts={report.conflicts} />
    </Dialog>
  );
}

function Conflicts({ conflicts }: { conflicts: Merged["conflicts"] }) {
  if (conflicts.length === 0) return <p>Nothing was changed on both sides.</p>;
  return (
    <>
      <h3>{count(conflicts.length, "conflict")}</h3>
      <table class="cards">
        <thead>
          <tr>
            <th scope="col">What</th>
            <th scope="col">Here</th>
            <th scope="col">There</th>
            <th scope="col">Kept</th>
          </tr>
        </thead>
        <tbody>
          {conflicts.map((one) => (
            <tr key={`${one.part} ${String(one.key)} ${one.field}`}>
              <td data-label="What">
                {spoken(one.part)}, {one.field} <code>{Array.isArray(one.key) ? one.key.join(" ") : one.key}</code>
              </td>
              <td data-label="Here">{plain(one.ours)}</td>
              <td data-label="There">{plain(one.theirs)}</td>
              <td data-label="Kept">
                {one.kept}
                {one.reason && `: ${one.reason}`}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

/** Any value as text. */
export function plain(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  return typeof value === "string" ? value : JSON.stringify(value);
}
