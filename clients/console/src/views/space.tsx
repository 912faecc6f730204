// The space of feelings: where the mood is, and where it was. It is turned by pointer and by keyboard.

import { useRef, useState } from "preact/hooks";

import { EDGES, FIRST, type Point, projected, type Turn, turned } from "../parts/space.js";
import { signed } from "../parts/words.js";

const STEP = Math.PI / 18;
/** A full turn is two widths of the picture. */
const DRAG = Math.PI / 300;
const SIZE = 110;
const AXES: readonly (readonly [string, Point, Point])[] = [
  ["Pleasure", [-1, 0, 0], [1, 0, 0]],
  ["Arousal", [0, -1, 0], [0, 1, 0]],
  ["Dominance", [0, 0, -1], [0, 0, 1]],
];

/** @param trail points, oldest first; the last one is now. */
export function Space({ trail }: { trail: readonly Point[] }) {
  const [turn, setTurn] = useState<Turn>(FIRST);
  const held = useRef<{ x: number; y: number } | null>(null);
  const keyed = (event: KeyboardEvent): void => {
    const ways: Record<string, [number, number]> = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] };
    const way = ways[event.key];
    if (way === undefined && event.key !== "Home") return;
    event.preventDefault();
    setTurn((before) => (way === undefined ? FIRST : turned(before, ...way)));
  };
  const grabbed = (event: PointerEvent): void => {
    held.current = { x: event.clientX, y: event.clientY };
    (event.currentTarget as Element).setPointerCapture(event.pointerId);
  };
  const dragged = (event: PointerEvent): void => {
    const from = held.current;
    if (from === null) return;
    held.current = { x: event.clientX, y: event.clientY };
    setTurn((before) => turned(before, (event.clientX - from.x) * DRAG, (event.clientY - from.y) * DRAG));
  };
  const now = trail[trail.length - 1];
  return (
    <figure class="space">
      <svg
        viewBox="-215 -205 430 410"
        tabindex={0}
        role="img"
        aria-label={`The mood in the space of pleasure, arousal and dominance${now ? `, now at ${now.map((one) => signed(one)).join(", ")}` : ""}. Arrow keys turn it.`}
        data-yaw={turn.yaw.toFixed(3)}
        data-pitch={turn.pitch.toFixed(3)}
        onKeyDown={keyed}
        onPointerDown={grabbed}
        onPointerMove={dragged}
        onPointerUp={() => (held.current = null)}
        onPointerCancel={() => (held.current = null)}
      >
        <Frame turn={turn} />
        <Trail trail={trail} turn={turn} />
      </svg>
      <figcaption>Drag it, or use the arrow keys, to turn it.</figcaption>
    </figure>
  );
}

function Frame({ turn }: { turn: Turn }) {
  const at = (point: Point) => projected(point, turn);
  return (
    <g class="frame" aria-hidden="true">
      {EDGES.map(([a, b]) => {
        const [from, to] = [at(a), at(b)];
        const back = from.near + to.near < 0;
        return <line key={`${a} ${b}`} class={back ? "edge edge-back" : "edge"} x1={from.x * SIZE} y1={from.y * SIZE} x2={to.x * SIZE} y2={to.y * SIZE} />;
      })}
      {AXES.map(([name, low, high]) => {
        const [from, to, label] = [at(low), at(high), at(high.map((one) => one * 1.22) as unknown as Point)];
        return (
          <g key={name}>
            <line class="axis" x1={from.x * SIZE} y1={from.y * SIZE} x2={to.x * SIZE} y2={to.y * SIZE} />
            <text x={label.x * SIZE} y={label.y * SIZE} text-anchor="middle" dominant-baseline="middle">
              {name}
            </text>
          </g>
        );
      })}
    </g>
  );
}

function Trail({ trail, turn }: { trail: readonly Point[]; turn: Turn }) {
  const points = trail.map((point) => projected(point, turn));
  const now = points[points.length - 1];
  const lowest = trail[trail.length - 1];
  if (now === undefined || lowest === undefined) return null;
  const floor = projected([lowest[0], -1, lowest[2]], turn);
  return (
    <g class="trail" aria-hidden="true">
      <line class="drop" x1={now.x * SIZE} y1={now.y * SIZE} x2={floor.x * SIZE} y2={floor.y * SIZE} />
      <circle class="shadow" cx={floor.x * SIZE} cy={floor.y * SIZE} r={3} />
      {points.slice(1).map((to, index) => {
        const from = points[index] as typeof to;
        const age = (index + 1) / points.length;
        return <line key={index} class="step" opacity={0.15 + 0.75 * age} x1={from.x * SIZE} y1={from.y * SIZE} x2={to.x * SIZE} y2={to.y * SIZE} />;
      })}
      {points.slice(0, -1).map((point, index) => (
        <circle key={index} class="was" opacity={0.2 + (0.6 * index) / points.length} cx={point.x * SIZE} cy={point.y * SIZE} r={2.2 + point.near} />
      ))}
      <circle class="now" cx={now.x * SIZE} cy={now.y * SIZE} r={7 + 2 * now.near} />
    </g>
  );
}
