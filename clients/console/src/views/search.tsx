// What an agent remembers about something, and what each score is made of. The question is in the address.

import type { Schemas } from "quantum-memory-client";
import { useEffect, useState } from "preact/hooks";

import { useAnswer } from "../parts/asking.js";
import { Text } from "../parts/fields.js";
import { Empty, Shown } from "../parts/states.js";
import { count, signed, spoken, when } from "../parts/words.js";
import { href } from "../router.js";
import type { OfAgent } from "./agent.js";
import { Bar } from "./mood.js";

type Hit = Schemas["HitTold"];
type Question = Schemas["RecallQuestion"];

const FIELDS = ["q", "speaker", "kind", "tags", "since", "until", "as_of", "k"] as const;
type Fields = Record<(typeof FIELDS)[number], string>;
const MOST = 100;
const USUAL = 10;

export function SearchView({ session, agent, branch, query, turn }: OfAgent) {
  const asked = Object.fromEntries(FIELDS.map((name) => [name, query.get(name) ?? ""])) as Fields;
  const search = (fields: Fields): void => {
    location.hash = href({ view: "agent", agent, tab: "search" }, { branch: query.get("branch"), ...fields });
  };
  return (
    <>
      <Form asked={asked} onSearch={search} />
      {asked.q === "" ? (
        <Empty title="Ask what it remembers.">
          <p>Memories are found by meaning, words, time and what they are bound to. Each hit says what its score is made of.</p>
        </Empty>
      ) : (
        <Found session={session} agent={agent} branch={branch} asked={asked} turn={turn} />
      )}
    </>
  );
}

function Form({ asked, onSearch }: { asked: Fields; onSearch: (fields: Fields) => void }) {
  const [fields, setFields] = useState(asked);
  // The address may have become another by itself. The form stays, and with it the focus of whoever just asked.
  useEffect(() => setFields(asked), [JSON.stringify(asked)]);
  const put = (name: keyof Fields) => (value: string) => setFields((before) => ({ ...before, [name]: value }));
  const filtered = FIELDS.some((name) => name !== "q" && asked[name] !== "");
  const submit = (event: Event): void => {
    event.preventDefault();
    onSearch({ ...fields, q: fields.q.trim() });
  };
  return (
    <form role="search" class="search" onSubmit={submit}>
      <div class="search-line">
        <Text label="What about?" type="search" value={fields.q} onChange={put("q")} required />
        <button type="submit" class="primary">
          Search
        </button>
      </div>
      <details open={filtered}>
        <summary>Filters</summary>
        <div class="filters">
          <Text label="Speaker" value={fields.speaker} onChange={put("speaker")} />
          <Text label="Kind" value={fields.kind} onChange={put("kind")} placeholder="utterance" />
          <Text label="Tags" value={fields.tags} onChange={put("tags")} hint="All of these, with commas between" />
          <Text label="Since" type="datetime-local" value={fields.since} onChange={put("since")} />
          <Text label="Before" type="datetime-local" value={fields.until} onChange={put("until")} />
          <Text label="As it was at" value={fields.as_of} onChange={put("as_of")} hint="A checkpoint, a tag, a branch, or :12 for event 12" />
          <Text label="At most" type="number" value={fields.k} onChange={put("k")} placeholder={String(USUAL)} />
        </div>
      </details>
    </form>
  );
}

/** The question as the door takes it. */
function questionOf(asked: Fields): Question {
  const question: Question = {
    query: asked.q,
    k: Math.max(1, Math.min(MOST, Number.parseInt(asked.k, 10) || USUAL)),
    tags: asked.tags.split(",").map((tag) => tag.trim()).filter(Boolean),
    neighbours: 0,
    exact: false,
    embeddings: false,
  };
  if (asked.speaker) question.speaker = asked.speaker;
  if (asked.kind) question.kind = asked.kind;
  if (asked.as_of) question.as_of = asked.as_of;
  for (const name of ["since", "until"] as const) {
    const time = new Date(asked[name]);
    if (!Number.isNaN(time.getTime())) question[name] = time.toISOString();
  }
  return question;
}

function Found({ session, agent, branch, asked, turn }: Pick<OfAgent, "session" | "agent" | "branch" | "turn"> & { asked: Fields }) {
  const answer = useAnswer((signal) => session.client.agent(agent, branch).recall(questionOf(asked), { signal }), [agent, branch, asked], turn);
  return (
    <section aria-labelledby="hits">
      <h2 id="hits">What it remembers</h2>
      <Shown asked={answer} what="what it remembers">
        {({ hits, missing }) => (
          <>
            <p class="quiet" role="status">
              {count(hits.length, "hit")}
              {missing.length > 0 && `. Made without ${missing.join(", ")}, which is away now`}
            </p>
            {hits.length === 0 && (
              <Empty title="It remembers nothing of that.">
                <p>Fewer filters find more.</p>
              </Empty>
            )}
            <ol class="hits">
              {hits.map((hit) => (
                <HitCard key={hit.memory.id} hit={hit} link={href({ view: "memory", agent, memory: hit.memory.id }, { branch })} />
              ))}
            </ol>
          </>
        )}
      </Shown>
    </section>
  );
}

function HitCard({ hit, link }: { hit: Hit; link: string }) {
  const parts = Object.entries(hit.why)
    .filter(([, value]) => value !== 0)
    .sort(([, a], [, b]) => Math.abs(b) - Math.abs(a));
  const most = Math.max(...parts.map(([, value]) => Math.abs(value)), Number.EPSILON);
  return (
    <li class="hit">
      <div>
        <p class="said">
          <a href={link}>{hit.memory.text}</a>
        </p>
        <p class="quiet">
          {hit.memory.speaker !== null && `${hit.memory.speaker} · `}
          {when(hit.memory.at)}
        </p>
        <Tags tags={hit.memory.tags} />
      </div>
      <div class="why">
        <p class="score">
          <span>Score</span> <b class="figure">{hit.score.toFixed(3)}</b>
        </p>
        <ul aria-label="What the score is made of">
          {parts.map(([name, value]) => (
            <li key={name}>
              <span>{spoken(name)}</span>
              <Bar share={Math.abs(value) / most} less={value < 0} />
              <span class="figure">{signed(value, 3)}</span>
            </li>
          ))}
        </ul>
      </div>
    </li>
  );
}

export function Tags({ tags }: { tags: readonly string[] }) {
  if (tags.length === 0) return null;
  return (
    <ul class="tags" aria-label="Tags">
      {tags.map((tag) => (
        <li key={tag} class="chip">
          {tag}
        </li>
      ))}
    </ul>
  );
}
