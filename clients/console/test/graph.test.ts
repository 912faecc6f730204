import { expect, test } from "vitest";

import { graphOf, keyOf, ownPlace, undoneOf, within } from "../src/parts/graph.js";

type Tree = Parameters<typeof graphOf>[0];
type Event = NonNullable<Parameters<typeof graphOf>[1]>[number];

const time = (minute: number): string => new Date(Date.UTC(2025, 0, 1, 0, minute)).toISOString();

function line(id: string, parent: string | null, fork_seq: number, head: number, minute: number, more: object = {}): Tree["branches"][number] {
  const kind = parent === null ? ("root" as const) : ("fork" as const);
  return { id, name: id, kind, parent, fork_seq, created_at: time(minute), agent: "alice", head, deleted: false, ...more };
}

function event(branch: string, seq: number, minute: number, kind = "remembered", summary = ""): Event {
  return { place: { branch, seq }, at: time(minute), kind, summary, commits: [] };
}

/** A tree of up to four branches in which every fork, merge and head is somewhere else each time. */
function trees(): Tree[] {
  let seed = 7;
  const next = (below: number): number => (seed = (seed * 1103515245 + 12345) % 2147483648) % below;
  return Array.from({ length: 60 }, () => {
    const branches = [line("main", null, 0, 3 + next(6), 0)];
    for (let index = 0; index < next(4); index += 1) {
      const parent = branches[next(branches.length)] as Tree["branches"][number];
      const fork = parent.fork_seq + next(parent.head - parent.fork_seq + 1);
      branches.push(line(`b${index}`, parent.id, fork, fork + next(4), index + 1));
    }
    const [main] = branches as [Tree["branches"][number]];
    const merges: Tree["merges"] = branches.slice(1).filter((one) => one.head > one.fork_seq && next(2) === 0 && main.head > one.fork_seq)
      .map((one) => [{ branch: "main", seq: main.head }, { branch: one.id, seq: one.head }]);
    return { branches, merges, commits: [], tags: [] };
  });
}

test("nothing stands above what came of it, and no two branches share a lane at once", () => {
  for (const tree of trees()) {
    const { spots, links, lanes } = graphOf(tree);
    expect(spots.map((spot) => spot.row)).toEqual(spots.map((_, row) => row));
    for (const { from, to } of links) expect(from.row).toBeGreaterThan(to.row);
    for (const one of tree.branches) expect(spots.some((spot) => spot.head && spot.branch.id === one.id)).toBe(true);
    expect(links.filter((link) => link.kind === "fork")).toHaveLength(tree.branches.length - 1);
    expect(links.filter((link) => link.kind === "merge")).toHaveLength(tree.merges.length);
    for (const lane of Array.from({ length: lanes }, (_, index) => index)) {
      const spans = tree.branches
        .map((one) => spots.filter((spot) => spot.branch.id === one.id && spot.lane === lane).map((spot) => spot.row))
        .filter((rows) => rows.length > 0)
        .map((rows) => [Math.min(...rows), Math.max(...rows)] as const)
        .sort(([a], [b]) => a - b);
      spans.slice(1).forEach(([from], index) => expect(from).toBeGreaterThan(spans[index]?.[1] ?? -1));
    }
  }
});

test("a place that a branch has from its parent is drawn on the parent", () => {
  const lines = new Map([line("main", null, 0, 5, 0), line("f", "main", 3, 4, 1), line("g", "f", 4, 4, 2)].map((one) => [one.id, one]));
  expect(keyOf(ownPlace(lines, { branch: "g", seq: 2 }))).toBe("main:2");
  expect(keyOf(ownPlace(lines, { branch: "g", seq: 4 }))).toBe("f:4");
  const [f, g] = [lines.get("f"), lines.get("g")] as [Tree["branches"][number], Tree["branches"][number]];
  expect(within(lines, g, { branch: "main", seq: 3 })).toBe(true);
  expect(within(lines, g, { branch: "main", seq: 4 })).toBe(false);
  expect(within(lines, f, { branch: "g", seq: 5 })).toBe(false);
});

test("places that need a row have one, with what is to be said of them", () => {
  const commit = { id: "c1", message: "here", place: { branch: "f", seq: 2 }, at: time(4), automatic: false, context: null };
  const tree: Tree = {
    branches: [line("main", null, 0, 9, 0), line("f", "main", 3, 3, 1)],
    merges: [],
    commits: [commit],
    tags: [{ name: "v1", place: { branch: "main", seq: 5 }, at: time(5) }],
  };
  const { spots } = graphOf(tree, [event("main", 7, 7, "rolled_back"), event("main", 8, 8)], [{ branch: "main", seq: 4 }]);
  expect(spots.map((spot) => spot.key)).toEqual(["main:9", "main:7", "main:5", "main:4", "f:3", "main:3", "main:2", "main:0"]);
  expect(spots.find((spot) => spot.key === "main:2")?.commits).toEqual([commit]);
  expect(spots.find((spot) => spot.key === "main:7")?.kind).toBe("rollback");
  expect(spots.find((spot) => spot.key === "main:3")?.forks.map((one) => one.name)).toEqual(["f"]);
  expect(spots.find((spot) => spot.key === "main:9")?.between).toBe(1);
});

test("what rollbacks took back is known, also where a rollback was itself taken back", () => {
  const back = (seq: number, to: number): Event => event("main", seq, seq, "rolled_back", `memories, mood to main@${to}`);
  const undone = (events: Event[]): string[] => [...undoneOf(events)].sort();
  expect(undone([back(4, 1), event("main", 3, 3), event("main", 1, 1)])).toEqual(["main:3"]);
  expect(undone([back(5, 3), back(4, 1), event("main", 3, 3), event("main", 1, 1)])).toEqual(["main:4"]);
  expect(undone([event("main", 2, 2)])).toEqual([]);
});
