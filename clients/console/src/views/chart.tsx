// The mood over time, as three lines that differ in more than colour.

import type { Schemas } from "quantum-memory-client";
import { useEffect, useRef, useState } from "preact/hooks";

import { kindly, signed, when } from "../parts/words.js";

export type Then = Schemas["MoodThen"];
type Axis = "pleasure" | "arousal" | "dominance";

export const AXES: readonly (readonly [Axis, string])[] = [
  ["pleasure", "Pleasure"],
  ["arousal", "Arousal"],
  ["dominance", "Dominance"],
];
const HEIGHT = 240;
const LEFT = 44;
const RIGHT = 12;
const TOP = 12;
const BOTTOM = 28;

/** @param moods oldest first. By events, not by the clock: a night in which nothing happened is no longer than a moment. */
export function Chart({ moods }: { moods: readonly Then[] }) {
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const [at, setAt] = useState<number | null>(null);
  const chosen = Math.min(at ?? moods.length - 1, moods.length - 1);
  const x = (index: number): number => LEFT + (moods.length === 1 ? 0.5 : index / (moods.length - 1)) * (width - LEFT - RIGHT);
  const limit = limitOf(moods);
  const y = (value: number): number => TOP + ((1 - value / limit) / 2) * (HEIGHT - TOP - BOTTOM);
  const keyed = (event: KeyboardEvent): void => {
    const to: Record<string, number> = { ArrowLeft: chosen - 1, ArrowRight: chosen + 1, Home: 0, End: moods.length - 1 };
    const next = to[event.key];
    if (next === undefined) return;
    event.preventDefault();
    setAt(Math.max(0, Math.min(moods.length - 1, next)));
  };
  const pointed = (event: PointerEvent): void => {
    const from = (event.currentTarget as Element).getBoundingClientRect();
    const share = (event.clientX - from.left - LEFT) / (from.width - LEFT - RIGHT);
    setAt(Math.max(0, Math.min(moods.length - 1, Math.round(share * (moods.length - 1)))));
  };
  const then = moods[chosen];
  return (
    <figure class="chart">
      <div ref={box}>
        <svg
          width={width}
          height={HEIGHT}
          role="slider"
          tabindex={0}
          aria-label="The mood over time, an event at a time"
          aria-valuemin={0}
          aria-valuemax={moods.length - 1}
          aria-valuenow={chosen}
          aria-valuetext={then === undefined ? "" : said(then)}
          onKeyDown={keyed}
          onPointerMove={pointed}
        >
          {[-limit, 0, limit].map((value) => (
            <g key={value} class="grid" aria-hidden="true">
              <line x1={LEFT} x2={width - RIGHT} y1={y(value)} y2={y(value)} />
              <text x={LEFT - 8} y={y(value)} text-anchor="end" dominant-baseline="middle">
                {value === 0 ? "0" : signed(value, limit === 1 ? 0 : 2)}
              </text>
            </g>
          ))}
          {AXES.map(([axis]) => (
            <path key={axis} class={`series series-${axis}`} d={moods.map((one, index) => `${index === 0 ? "M" : "L"}${x(index).toFixed(1)} ${y(one.mood.mean[axis]).toFixed(1)}`).join("")} />
          ))}
          <line class="cursor" x1={x(chosen)} x2={x(chosen)} y1={TOP} y2={HEIGHT - BOTTOM} />
          {then !== undefined &&
            AXES.map(([axis]) => <circle key={axis} class={`point point-${axis}`} cx={x(chosen)} cy={y(then.mood.mean[axis])} r={4} />)}
        </svg>
      </div>
      <figcaption>
        <ul class="legend">
          {AXES.map(([axis, name]) => (
            <li key={axis}>
              <svg width="28" height="8" aria-hidden="true">
                <line class={`series series-${axis}`} x1="1" y1="4" x2="27" y2="4" />
              </svg>
              {name} {then !== undefined && <b class="figure">{signed(then.mood.mean[axis])}</b>}
            </li>
          ))}
        </ul>
        {then !== undefined && (
          <p class="quiet">
            {when(then.at)} · {kindly(then.kind)} {then.summary} · {then.mood.emotions[0]?.name ?? "no emotion"}
          </p>
        )}
      </figcaption>
    </figure>
  );
}

/** How far the axis reaches, so that what is small is still seen. */
function limitOf(moods: readonly Then[]): number {
  const most = Math.max(...moods.flatMap((one) => AXES.map(([axis]) => Math.abs(one.mood.mean[axis]))));
  return [0.25, 0.5].find((one) => most <= one) ?? 1;
}

function said(then: Then): string {
  const pad = AXES.map(([axis, name]) => `${name} ${signed(then.mood.mean[axis])}`).join(", ");
  return `${when(then.at)}: ${pad}, ${then.mood.emotions[0]?.name ?? "no emotion"}. ${kindly(then.kind)} ${then.summary}`;
}

/** How wide there is room to draw. */
function useWidth(box: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(320);
  useEffect(() => {
    const watched = box.current;
    if (watched === null) return;
    const seen = new ResizeObserver(([entry]) => entry && setWidth(Math.max(200, Math.floor(entry.contentRect.width))));
    seen.observe(watched);
    return () => seen.disconnect();
  }, []);
  return width;
}
