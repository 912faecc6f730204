// The lines and dots beside the rows. Everything that they say stands in the rows too.

import type { Graph, Link, Spot } from "./graph.js";

const ROW_PX = 56;
const MOST_WIDTH_PX = 168;

/** How far apart lanes are. Many share the room that there is. */
function laneWidth(lanes: number): number {
  return Math.min(24, MOST_WIDTH_PX / Math.max(1, lanes));
}

export function GraphLines({ graph, chosen }: { graph: Graph; chosen: string | null }) {
  const wide = laneWidth(graph.lanes);
  const width = Math.ceil(wide * (graph.lanes - 1) + 28);
  const x = (spot: Spot): number => 14 + spot.lane * wide;
  const y = (spot: Spot): number => spot.row * ROW_PX + ROW_PX / 2;
  return (
    <svg class="graph-lines" width={width} height={graph.spots.length * ROW_PX} aria-hidden="true">
      {graph.links.map((link) => (
        <path key={`${link.kind} ${link.from.key} ${link.to.key}`} class={lineClass(link)} d={way(link, x, y)} />
      ))}
      {graph.spots.map((spot) => (
        <Dot key={spot.key} spot={spot} x={x(spot)} y={y(spot)} chosen={spot.key === chosen} />
      ))}
    </svg>
  );
}

function lineClass(link: Link): string {
  const line = link.kind === "merge" ? link.from.branch : link.to.branch;
  return `line line-${link.kind}${line.deleted ? " line-gone" : ""}${line.parent === null ? " line-first" : ""}`;
}

/** Straight along a lane; into another one in a bow, right above where it begins or right below where it ends. */
function way({ kind, from, to }: Link, x: (spot: Spot) => number, y: (spot: Spot) => number): string {
  const [x1, y1, x2, y2] = [x(from), y(from), x(to), y(to)];
  if (x1 === x2) return `M${x1} ${y1}V${y2}`;
  if (kind === "merge") return `M${x1} ${y1}V${y2 + ROW_PX}C${x1} ${y2 + ROW_PX / 2} ${x2} ${y2 + ROW_PX / 2} ${x2} ${y2}`;
  return `M${x1} ${y1}C${x1} ${y1 - ROW_PX / 2} ${x2} ${y1 - ROW_PX / 2} ${x2} ${y1 - ROW_PX}V${y2}`;
}

function Dot({ spot, x, y, chosen }: { spot: Spot; x: number; y: number; chosen: boolean }) {
  const kind = `dot dot-${spot.kind}${spot.head ? " dot-head" : ""}${spot.commits.length > 0 ? " dot-commit" : ""}${spot.branch.deleted ? " dot-gone" : ""}`;
  return (
    <g>
      {chosen && <circle class="dot-ring" cx={x} cy={y} r={10} />}
      {spot.kind === "merge" ? (
        <path class={kind} d={`M${x} ${y - 7}l7 7-7 7-7-7z`} />
      ) : spot.kind === "rollback" ? (
        <path class={kind} d={`M${x - 6} ${y - 6}h12v12h-12z`} />
      ) : (
        <circle class={kind} cx={x} cy={y} r={spot.commits.length > 0 || spot.head ? 6 : 4} />
      )}
    </g>
  );
}
