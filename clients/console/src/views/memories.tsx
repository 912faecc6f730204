// The memories of a branch, newest first, and remembering another.

import type { Schemas } from "quantum-memory-client";
import { useState } from "preact/hooks";

import { useAnswer } from "../parts/asking.js";
import { Dialog } from "../parts/dialog.js";
import { Long, Text } from "../parts/fields.js";
import { Empty, Shown } from "../parts/states.js";
import { count, when } from "../parts/words.js";
import { href } from "../router.js";
import { may } from "../session.js";
import type { OfAgent } from "./agent.js";
import { Tags } from "./search.js";

type Said = Schemas["Said"];
const PAGE = 50;

export function MemoriesView(shared: OfAgent) {
  const { session, agent, branch, turn } = shared;
  const [saying, setSaying] = useState(false);
  const [most, setMost] = useState(PAGE);
  const asked = useAnswer(
    async (signal) => {
      const items: Schemas["MemoryTold"][] = [];
      let next: string | null = null;
      do {
        const cursor: { cursor?: string } = next === null ? {} : { cursor: next };
        const page = await session.client.agent(agent, branch).listMemories({ limit: PAGE, newest_first: true, signal, ...cursor });
        items.push(...page.items);
        next = page.next;
      } while (next !== null && items.length < most);
      return { items, next };
    },
    [agent, branch],
    turn + most,
  );
  const writes = may(session.caller, "writer");
  return (
    <section aria-labelledby="memories">
      <div class="head">
        <h2 id="memories">Memories of {branch}</h2>
        {writes && (
          <button type="button" class="primary" onClick={() => setSaying(true)}>
            Remember
          </button>
        )}
      </div>
      <Shown asked={asked} what="the memories">
        {({ items, next }) =>
          items.length === 0 ? (
            <Empty title="Nothing is remembered yet.">{writes && <p>What you let it remember stands here.</p>}</Empty>
          ) : (
            <>
              <p class="quiet" role="status">
                {next === null ? "" : "The last "}
                {count(items.length, "memory", "memories")}, newest first
              </p>
              <ol class="memories">
                {items.map((one) => (
                  <li key={one.id}>
                    <p class="said">
                      <a href={href({ view: "memory", agent, memory: one.id }, { branch })}>{one.text}</a>
                    </p>
                    <p class="quiet">
                      {one.speaker !== null && `${one.speaker} · `}
                      {when(one.at)}
                    </p>
                    <Tags tags={one.tags} />
                  </li>
                ))}
              </ol>
              {next !== null && (
                <button type="button" disabled={asked.loading} onClick={() => setMost(most + PAGE)}>
                  Show more
                </button>
              )}
            </>
          )
        }
      </Shown>
      {saying && <RememberDialog shared={shared} onClose={() => setSaying(false)} />}
    </section>
  );
}

function RememberDialog({ shared, onClose }: { shared: OfAgent; onClose: () => void }) {
  const { session, agent, branch, onChange } = shared;
  const [text, setText] = useState("");
  const [speaker, setSpeaker] = useState("");
  const [tags, setTags] = useState("");
  const act = async (): Promise<void> => {
    const said: Said = { text: text.trim(), tags: tags.split(",").map((tag) => tag.trim()).filter(Boolean), metadata: {} };
    if (speaker.trim() !== "") said.speaker = speaker.trim();
    await session.client.agent(agent, branch).remember(said);
    onChange();
  };
  return (
    <Dialog title="Remember" action="Remember it" onDo={act} ready={text.trim() !== ""} onClose={onClose}>
      <p>
        <b>{agent}</b> will know this on <b>{branch}</b>, as of now. What it feels like is read from the text and moves the mood.
      </p>
      <Long label="Text" value={text} onChange={setText} required />
      <Text label="Who said it" value={speaker} onChange={setSpeaker} />
      <Text label="Tags" value={tags} onChange={setTags} hint="With commas between" />
    </Dialog>
  );
}
