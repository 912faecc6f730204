// Where the branches of an agent are drawn: rows of places, newest first, and lanes of branches. Knows nothing of a page.

import type { Schemas } from "quantum-memory-client";

type Tree = Schemas["TreeTold"];
type Event = Schemas["EventTold"];
export type Place = Schemas["PlaceTold"];
export type Line = Tree["branches"][number];

/** A place that has a row. */
export interface Spot {
  key: string;
  place: Place;
  branch: Line;
  row: number;
  lane: number;
  at: string | null;
  kind: "event" | "merge" | "rollback" | "root";
  summary: string;
  /** The branch ends here. */
  head: boolean;
  commits: Tree["commits"];
  tags: Tree["tags"];
  /** Branches that leave here. */
  forks: Line[];
  /** What was taken over here. */
  merged: Place[];
  /** How many events lie between the row before it on its branch and this one, this one left out. */
  between: number;
}

/** A line between two rows. */
export interface Link {
  kind: "along" | "fork" | "merge";
  from: Spot;
  to: Spot;
}

export interface Graph {
  spots: Spot[];
  links: Link[];
  lanes: number;
}

export const keyOf = (place: Place): string => `${place.branch}:${place.seq}`;

/** A place as its key says. */
export function placeOf(key: string | null): Place | null {
  const found = /^(.+):(\d+)$/.exec(key ?? "");
  return found === null ? null : { branch: found[1] as string, seq: Number(found[2]) };
}

/** Where a place is drawn: what a branch has from its parent lies on the parent. */
export function ownPlace(lines: ReadonlyMap<string, Line>, place: Place): Place {
  const line = lines.get(place.branch);
  if (line === undefined || line.parent === null || place.seq > line.fork_seq || !lines.has(line.parent)) return place;
  return ownPlace(lines, { branch: line.parent, seq: place.seq });
}

/** Whether a branch has been where a place is. */
export function within(lines: ReadonlyMap<string, Line>, branch: Line, place: Place): boolean {
  if (branch.id === place.branch) return place.seq <= branch.head;
  const parent = branch.parent === null ? undefined : lines.get(branch.parent);
  return parent !== undefined && within(lines, { ...parent, head: Math.min(parent.head, branch.fork_seq) }, place);
}

/** Which of a branch's events, newest first, rollbacks took back. What was rolled back to is told in a rollback's summary. */
export function undoneOf(events: readonly Event[]): Set<string> {
  const undone = new Set<string>();
  let reach = Infinity;
  for (const event of events) {
    if (event.place.seq > reach) undone.add(keyOf(event.place));
    else if (event.kind === "rolled_back") reach = Number(/ to \S+@(\d+)$/.exec(event.summary)?.[1] ?? reach);
  }
  return undone;
}

/**
 * The graph of a tree.
 *
 * @param events what is known of single events: their times, and which took the branch back.
 * @param also places that have a row whatever they are.
 */
export function graphOf(tree: Tree, events: readonly Event[] = [], also: readonly Place[] = []): Graph {
  const lines = new Map(tree.branches.filter((one) => one.kind !== "transaction").map((one) => [one.id, one]));
  const spots = spotsOf(tree, lines, events, also);
  const { links, older } = linksOf(lines, spots);
  const ordered = inOrder([...spots.values()], older);
  ordered.forEach((spot, row) => (spot.row = row));
  const lanes = intoLanes([...lines.values()], ordered, links);
  return { spots: ordered, links, lanes };
}

function spotsOf(tree: Tree, lines: Map<string, Line>, events: readonly Event[], also: readonly Place[]): Map<string, Spot> {
  const told = new Map(events.map((event) => [keyOf(event.place), event]));
  const spots = new Map<string, Spot>();
  const put = (place: Place): Spot | null => {
    const branch = lines.get(place.branch);
    if (branch === undefined) return null;
    const key = keyOf(place);
    const event = told.get(key);
    const made: Spot = spots.get(key) ?? {
      key, place, branch, row: 0, lane: 0, at: event?.at ?? null, kind: place.seq === 0 && branch.parent === null ? "root" : kindOf(event),
      summary: event?.summary ?? "", head: false, commits: [], tags: [], forks: [], merged: [], between: 0,
    };
    spots.set(key, made);
    return made;
  };
  const own = (place: Place): Spot | null => put(ownPlace(lines, place));
  for (const line of lines.values()) {
    // A branch that has nothing of its own yet has a row all the same: it is somewhere to write to.
    const head = put({ branch: line.id, seq: line.head });
    if (head !== null) {
      head.head = true;
      if (line.head === line.fork_seq && line.parent !== null) head.at = line.created_at;
    }
    if (line.parent === null) put({ branch: line.id, seq: 0 })!.at ??= line.created_at;
    else own({ branch: line.parent, seq: line.fork_seq })?.forks.push(line);
  }
  for (const commit of tree.commits) own(commit.place)?.commits.push(commit);
  for (const tag of tree.tags) own(tag.place)?.tags.push(tag);
  for (const [to, from] of tree.merges) {
    const spot = own(to);
    own(from);
    if (spot === null) continue;
    spot.kind = "merge";
    spot.merged.push(ownPlace(lines, from));
  }
  for (const event of events) if (event.kind === "rolled_back") own(event.place);
  for (const place of also) own(place);
  return spots;
}

function kindOf(event: Event | undefined): Spot["kind"] {
  return event?.kind === "rolled_back" ? "rollback" : "event";
}

/** The lines, and for each spot those that come right before it. */
function linksOf(lines: Map<string, Line>, spots: Map<string, Spot>): { links: Link[]; older: Map<Spot, Spot[]> } {
  const links: Link[] = [];
  const older = new Map<Spot, Spot[]>();
  const link = (kind: Link["kind"], from: Spot, to: Spot): void => {
    links.push({ kind, from, to });
    older.set(to, [...(older.get(to) ?? []), from]);
  };
  for (const line of lines.values()) {
    const own = [...spots.values()].filter((spot) => spot.branch.id === line.id).sort((a, b) => a.place.seq - b.place.seq);
    own.forEach((spot, index) => {
      const before = own[index - 1];
      if (before !== undefined) link("along", before, spot);
      spot.between = Math.max(0, spot.place.seq - (before?.place.seq ?? line.fork_seq) - 1);
    });
    const parent = line.parent === null ? undefined : spots.get(keyOf(ownPlace(lines, { branch: line.parent, seq: line.fork_seq })));
    if (parent !== undefined && own[0] !== undefined) link("fork", parent, own[0]);
  }
  for (const spot of spots.values())
    for (const place of spot.merged) {
      const from = spots.get(keyOf(place));
      if (from !== undefined) link("merge", from, spot);
    }
  return { links, older };
}

/** Newest first, and nothing before what came of it. */
function inOrder(spots: Spot[], older: Map<Spot, Spot[]>): Spot[] {
  const waitsFor = new Map<Spot, number>(spots.map((spot) => [spot, 0]));
  for (const before of older.values()) for (const spot of before) waitsFor.set(spot, (waitsFor.get(spot) ?? 0) + 1);
  const ready = spots.filter((spot) => waitsFor.get(spot) === 0);
  const ordered: Spot[] = [];
  let last = Infinity;
  // What is not known to be at a time is taken for as late as it can be.
  const time = (spot: Spot): number => (spot.at === null ? last : Date.parse(spot.at));
  while (ready.length > 0) {
    ready.sort((a, b) => time(a) - time(b) || Date.parse(a.branch.created_at) - Date.parse(b.branch.created_at));
    const next = ready.pop() as Spot;
    last = Math.min(last, time(next));
    ordered.push(next);
    for (const spot of older.get(next) ?? []) {
      const left = (waitsFor.get(spot) ?? 0) - 1;
      waitsFor.set(spot, left);
      if (left === 0) ready.push(spot);
    }
  }
  return ordered;
}

/** Each branch in the first lane that is free from where it leaves its parent to where it ends. Returns how many there are. */
function intoLanes(lines: Line[], spots: Spot[], links: Link[]): number {
  const taken: [number, number][][] = [];
  for (const line of lines) {
    const own = spots.filter((spot) => spot.branch.id === line.id);
    if (own.length === 0) continue;
    const rows = own.map((spot) => spot.row);
    const fork = links.find((link) => link.kind === "fork" && link.to.branch.id === line.id);
    const merges = links.filter((link) => link.kind === "merge" && link.from.branch.id === line.id).map((link) => link.to.row);
    const top = Math.min(...rows, ...merges);
    const bottom = Math.max(...rows, fork?.from.row ?? 0);
    let lane = taken.findIndex((spans) => spans.every(([from, to]) => bottom < from || top > to));
    if (lane === -1) lane = taken.push([]) - 1;
    taken[lane]?.push([top, bottom]);
    for (const spot of own) spot.lane = lane;
  }
  return taken.length;
}
