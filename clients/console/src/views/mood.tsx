// How an agent feels, how that came, and where that is in the space of feelings; live.

import type { Schemas, StreamEvents } from "quantum-memory-client";
import { useEffect, useState } from "preact/hooks";

import { useAnswer } from "../parts/asking.js";
import type { Point } from "../parts/space.js";
import { Empty, Shown } from "../parts/states.js";
import { kindly, named, percent, signed, when } from "../parts/words.js";
import { branchNames, type OfAgent } from "./agent.js";
import { AXES, Chart, type Then } from "./chart.js";
import { Space } from "./space.js";

type Mood = Schemas["MoodTold"];
/** Events whose moods are shown; the table has as many. */
const EVENTS = 120;
const TRAIL = 24;
const EMOTIONS = 6;

export function MoodView({ session, agent, branch, tree, turn, ears }: OfAgent) {
  const [told, setTold] = useState<StreamEvents["emotional_update"]["mood"] | null>(null);
  const id = tree.branches.find((one) => one.agent === agent && one.name === branch)?.id;
  useEffect(() => {
    setTold(null);
    ears.current.mood = (update) => {
      if (update.branch === branch || update.branch === id) setTold(update.mood);
    };
    return () => delete ears.current.mood;
  }, [agent, branch, id]);
  const asked = useAnswer(
    async (signal) => {
      const on = session.client.agent(agent, branch);
      const [mood, history] = await Promise.all([on.readMood({ signal }), on.readMoodHistory({ limit: EVENTS, signal })]);
      const names = branchNames(tree, agent);
      const moods = history.items.toReversed().map((one) => ({ ...one, summary: named(one.summary, names) }));
      return { mood, moods, more: history.next !== null };
    },
    [agent, branch],
    turn,
  );
  // What was asked for last is as new as what was told before it.
  useEffect(() => setTold(null), [asked.found]);
  return (
    <Shown asked={asked} what="the mood">
      {({ mood, moods, more }) => {
        const now = told === null ? mood : withTold(mood, told);
        return (
          <>
            <div class="mood">
              <Now mood={now} />
              <Space trail={trailOf(moods, now)} />
            </div>
            <section aria-labelledby="over-time">
              <h2 id="over-time">Over time</h2>
              {moods.length === 0 ? (
                <Empty title="Nothing has happened yet.">
                  <p>The mood after each event is drawn here.</p>
                </Empty>
              ) : (
                <>
                  <Chart moods={moods} />
                  {more && <p class="quiet">The last {moods.length} events are shown.</p>}
                  <Table moods={moods} />
                </>
              )}
            </section>
          </>
        );
      }}
    </Shown>
  );
}

function withTold(mood: Mood, told: StreamEvents["emotional_update"]["mood"]): Mood {
  const [pleasure, arousal, dominance] = told.pad;
  const [p, a, d] = told.spread;
  return {
    ...mood,
    mean: { pleasure, arousal, dominance },
    spread: { pleasure: p, arousal: a, dominance: d },
    emotions: Object.entries(told.emotions).map(([name, probability]) => ({ name, probability })),
    at: told.at,
  };
}

function trailOf(moods: readonly Then[], now: Mood): Point[] {
  const points = moods.slice(-TRAIL).map((one) => pointOf(one.mood));
  const here = pointOf(now);
  const last = points[points.length - 1];
  return last !== undefined && String(last) === String(here) ? points : [...points, here];
}

function pointOf({ mean }: Mood): Point {
  return [mean.pleasure, mean.arousal, mean.dominance];
}

function Now({ mood }: { mood: Mood }) {
  const [first, ...others] = mood.emotions.slice(0, EMOTIONS);
  return (
    <section class="now-mood" aria-labelledby="now">
      <h2 id="now">Now</h2>
      <p class="feeling">{first?.name ?? "no emotion"}</p>
      <p class="quiet">{mood.at === null ? "It has not felt anything yet." : `Since ${when(mood.at)}`}</p>
      <dl class="pad">
        {AXES.map(([axis, name]) => (
          <div key={axis}>
            <dt>{name}</dt>
            <dd>
              <b class="figure">{signed(mood.mean[axis])}</b> <span class="quiet">± {mood.spread[axis].toFixed(2)}</span>
            </dd>
          </div>
        ))}
      </dl>
      {first !== undefined && (
        <ul class="emotions" aria-label="The likeliest emotions">
          {[first, ...others].map((one) => (
            <li key={one.name}>
              <span>{one.name}</span>
              <Bar share={one.probability / first.probability} />
              <span class="figure">{percent(one.probability)}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** A share of a whole, as a length. The number stands beside it. */
export function Bar({ share, less = false }: { share: number; less?: boolean }) {
  const wide = Math.max(0, Math.min(1, share)) * 100;
  return (
    <svg class={less ? "bar bar-less" : "bar"} viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
      <rect class="bar-all" width="100" height="8" />
      <rect class="bar-share" width={wide} height="8" />
    </svg>
  );
}

function Table({ moods }: { moods: readonly Then[] }) {
  return (
    <details>
      <summary>The same as a table</summary>
      <table class="cards">
        <caption class="unseen">The mood after each event, latest first</caption>
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">What happened</th>
            {AXES.map(([axis, name]) => (
              <th key={axis} scope="col" class="number">
                {name}
              </th>
            ))}
            <th scope="col">Emotions</th>
          </tr>
        </thead>
        <tbody>
          {moods.toReversed().map((one) => (
            <tr key={`${one.place.branch}:${one.place.seq}`}>
              <td data-label="When">{when(one.at)}</td>
              <td data-label="What happened">
                {kindly(one.kind)} {one.summary}
              </td>
              {AXES.map(([axis, name]) => (
                <td key={axis} data-label={name} class="number">
                  {signed(one.mood.mean[axis])}
                </td>
              ))}
              <td data-label="Emotions">
                {one.mood.emotions
                  .slice(0, 3)
                  .map((each) => `${each.name} ${percent(each.probability)}`)
                  .join(", ")}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
