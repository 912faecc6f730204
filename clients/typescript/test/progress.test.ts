// Positions and moods over breaks, without a server.

import { expect, test } from "vitest";
import { Feelings, MOST } from "../src/feelings.js";
import { Progress } from "../src/progress.js";

test("a change of several messages that was cut in the middle is told to its end, and nothing of it twice", () => {
  const one = new Progress(null);
  one.begin(10);
  expect([11, 12, 12].map((at) => one.isNew(at))).toEqual([true, true, true]);
  expect(one.after).toBe(11);
  one.begin(11); // the connection broke after two of the three messages of 12
  expect([12, 12, 12, 13].map((at) => one.isNew(at))).toEqual([false, false, true, true]);
  expect(one.after).toBe(12);
});

test("breaks at any place of any telling leave nothing out and tell nothing twice", () => {
  const told = [1, 1, 1, 2, 4, 4, 5, 7, 7, 7, 7, 8].map((at, number) => ({ at, number }));
  for (let first = 0; first <= told.length; first += 1)
    for (let second = 0; second <= told.length; second += 1) {
      const progress = new Progress(null);
      const heard: number[] = [];
      for (const length of [first, second, told.length]) {
        progress.begin(0);
        const rest = told.filter(({ at }) => at > (progress.after ?? 0)).slice(0, length);
        for (const { at, number } of rest) if (progress.isNew(at)) heard.push(number);
      }
      expect(heard).toEqual(told.map(({ number }) => number));
    }
});

test("a heartbeat says that all before it was told", () => {
  const one = new Progress(5);
  one.begin(5);
  expect(one.isNew(7)).toBe(true);
  expect(one.after).toBe(5);
  one.upto(9);
  expect(one.after).toBe(9);
  expect([7, 9, 10].map((at) => one.isNew(at))).toEqual([false, false, true]);
});

test("what a slow reader was not told is asked for no more, but moods of before it are", () => {
  const one = new Progress(5);
  one.begin(5);
  one.skip(9);
  expect([one.whole, one.after]).toEqual([5, 9]);
  expect([7, 9, 10].map((at) => one.isNew(at))).toEqual([false, false, true]);
});

test("after a restore telling begins there anew, and moods of before are asked for where they were not told", () => {
  const one = new Progress(5);
  one.begin(5);
  expect(one.isNew(12)).toBe(true);
  one.back(9);
  expect([one.whole, one.after]).toEqual([5, 9]);
  expect(one.isNew(10)).toBe(true);
  one.upto(12);
  one.back(9);
  expect([one.whole, one.after]).toEqual([9, 9]);
});

test("after a restore moods are in doubt until all up to its end were told", () => {
  const one = new Progress(5);
  one.begin(5);
  expect(one.doubtful).toBe(false);
  one.back(3);
  one.upto(2);
  one.begin(3); // another connection
  expect(one.doubtful).toBe(true);
  one.upto(3);
  expect(one.doubtful).toBe(false);
});

type PAD = [number, number, number];

const update = (likeliest: string, pleasure: number) => ({
  type: "emotional_update" as const,
  subscription: "s",
  position: 1,
  agent: "a",
  branch: "main",
  mood: { pad: [pleasure, 0, 0] as PAD, spread: [1, 1, 1] as PAD, emotions: { [likeliest]: 0.5 }, at: null },
});

test("a mood that is as it was is not told again, and a turn while nobody was told is told", () => {
  const moods = new Feelings();
  moods.begin();
  expect(moods.told(update("joy", 1)).map((one) => one?.type)).toEqual(["emotional_update"]);
  expect(moods.told(update("fear", 0))).toHaveLength(1); // the server itself says that it turned
  moods.begin();
  expect(moods.told(update("fear", 0))).toEqual([]);
  moods.begin();
  const [, turned] = moods.told(update("joy", 1));
  expect(turned).toMatchObject({ type: "phase_transition", before: "fear", after: "joy" });
});

test("so many moods are known and no more", () => {
  const moods = new Feelings();
  moods.begin();
  const told = (agent: number) => moods.told({ ...update("joy", 1), agent: String(agent) }).length;
  for (let agent = 0; agent <= MOST; agent += 1) expect(told(agent)).toBe(1);
  moods.begin();
  expect([MOST, 1, 0].map(told)).toEqual([0, 0, 1]);
});
