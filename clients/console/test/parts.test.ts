import { expect, test } from "vitest";

import { named, signed } from "../src/parts/words.js";
import { EDGES, FIRST, type Point, projected, turned } from "../src/parts/space.js";
import { href, parsed } from "../src/router.js";

test("an address stands for the view that it was made for, whatever names hold", () => {
  for (const name of ["alice", "a b", "50 %", "ü/ö", "#?&=", "..", "<b>"]) {
    const memory = parsed(href({ view: "memory", agent: name, memory: name }, { branch: name }));
    expect(memory.route).toEqual({ view: "memory", agent: name, memory: name });
    expect(memory.query.get("branch")).toBe(name);
    for (const tab of ["history", "mood", "memories", "search"] as const)
      expect(parsed(href({ view: "agent", agent: name, tab })).route).toEqual({ view: "agent", agent: name, tab });
  }
  expect(parsed("").route).toEqual({ view: "agents" });
  for (const nowhere of ["#/x", "#/agents/a/b", "#/agents/a/mood/x", "#/agents/%", "#/health/x"]) expect(parsed(nowhere).route.view).toBe("nowhere");
});

test("the space is turned without being bent", () => {
  const all: Point[] = EDGES.flatMap(([a, b]) => [a, b]);
  let turn = FIRST;
  for (let step = 0; step < 50; step += 1) {
    turn = turned(turn, 0.7, step % 2 === 0 ? 1 : -0.4);
    expect(Math.abs(turn.pitch)).toBeLessThan(Math.PI / 2);
    expect(turn.yaw).toBeGreaterThanOrEqual(0);
    for (const point of all) {
      const { x, y, near } = projected(point, turn);
      expect(Math.abs(near)).toBeLessThanOrEqual(1.001);
      // Without perspective what is seen and how near it is are the point's own length.
      const scale = 5 / (5 - near * Math.sqrt(3));
      expect((x / scale) ** 2 + (y / scale) ** 2 + 3 * near ** 2).toBeCloseTo(3, 6);
    }
  }
  expect(projected([1, 0, 0], { yaw: 0, pitch: 0 })).toMatchObject({ x: 1, near: 0 });
  expect(projected([0, 1, 0], { yaw: 0, pitch: 0 }).y).toBe(-1);
  expect(projected([0, 0, 1], { yaw: 0, pitch: 0 }).near).toBeGreaterThan(0);
});

test("numbers and branches are said as people say them", () => {
  expect([signed(0.5), signed(-0.5), signed(-0.001)]).toEqual(["+0.50", "−0.50", "+0.00"]);
  const names = new Map([["b1", "main"]]);
  expect(named("memories, graph, mood, working, skills to b1@7", names)).toBe("everything to main, event 7");
  expect(named("b2@3: 2 memories", names)).toBe("b2@3: 2 memories");
});
