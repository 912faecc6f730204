// The stream against the real server: over cut lines, and over a server that is killed.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type MemoryStream, QuantumMemory, StreamRefused } from "../src/index.js";
import { Line, RealServer, until } from "./server.js";

let server: RealServer;
let client: QuantumMemory;
let line: Line;
let through: QuantumMemory;

beforeAll(async () => {
  server = await RealServer.started();
  client = new QuantumMemory(server.url, { key: server.key, backoff: { firstMs: 50, mostMs: 300 } });
  line = await Line.to(server);
  through = new QuantumMemory(line.url, { key: server.key, backoff: { firstMs: 50, mostMs: 300 } });
});
afterAll(async () => {
  client.close();
  through.close();
  await line.close();
  await server.remove();
});

function textsOf(stream: MemoryStream): string[] {
  const texts: string[] = [];
  stream.on("memory_operation", ({ told }) => {
    for (const one of (told["memories"] ?? []) as { text: string }[]) texts.push(one.text);
  });
  return texts;
}

test("what is remembered, felt and done to branches is told", async () => {
  const agent = client.agent("told");
  await agent.makeAgent();
  const stream = client.stream({ agents: ["told"] });
  const texts = textsOf(stream);
  const history: string[] = [];
  const moods: number[] = [];
  const turns: string[] = [];
  stream.on("history", ({ operation }) => history.push(operation));
  stream.on("emotional_update", ({ mood }) => moods.push(mood.pad[0]));
  stream.on("phase_transition", ({ before, after }) => turns.push(`${before} ${after}`));
  await stream.started;
  await until(() => moods.length === 1);
  await agent.remember({ text: "Bob lent me his umbrella." });
  await agent.checkpoint({ message: "then" });
  for (let number = 0; number < 4; number += 1) await agent.feel({ emotion: "joy", cause: "good news" });
  await until(() => moods.length > 1);
  for (let number = 0; number < 8; number += 1) await agent.feel({ emotion: "fear", cause: "bad news" });
  await until(() => turns.length > 0);
  await until(() => texts.length === 1 && history.includes("commit_created"));
  expect(texts).toEqual(["Bob lent me his umbrella."]);
  expect(moods.length).toBeGreaterThan(1);
  stream.close();
});

test("over cut lines nothing is left out and nothing told twice", async () => {
  const agent = client.agent("cut");
  await agent.makeAgent();
  const stream = through.stream({ agents: ["cut"], channels: ["memories", "history"] });
  const texts = textsOf(stream);
  const ends: string[] = [];
  const resumed: boolean[] = [];
  stream.on("disconnected", ({ reason }) => ends.push(reason));
  stream.on("connected", (one) => resumed.push(one.resumed));
  await stream.started;
  const said: string[] = [];
  for (let number = 0; number < 40; number += 1) {
    said.push(`number ${number}`);
    const write = agent.remember({ text: `number ${number}` });
    if (number % 5 === 2) line.cut();
    await write;
    if (number % 10 === 7) line.down = true;
    if (number % 10 === 9) line.down = false;
  }
  await until(() => texts.length >= said.length);
  await client.agent("cut").checkpoint({ message: "the end" });
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(texts).toEqual(said);
  expect(ends.length).toBeGreaterThan(3);
  expect(resumed[0]).toBe(false);
  expect(resumed.slice(1).every(Boolean)).toBe(true);
  stream.close();
});

test("a server that is killed and comes back tells what was between; so does one that is stopped", async () => {
  const agent = client.agent("away");
  await agent.makeAgent();
  const stream = client.stream({ agents: ["away"], channels: ["memories"] });
  const texts = textsOf(stream);
  const ends: string[] = [];
  stream.on("disconnected", ({ reason }) => ends.push(reason));
  await stream.started;
  await agent.remember({ text: "before" });
  await until(() => texts.length === 1);
  await server.kill();
  await until(() => ends.length > 0);
  await server.start();
  await agent.remember({ text: "after a kill" });
  await until(() => texts.length === 2);
  const before = ends.length;
  await server.stop();
  await until(() => ends.length > before);
  await server.start();
  await agent.remember({ text: "after a stop" });
  await until(() => texts.length === 3);
  expect(texts).toEqual(["before", "after a kill", "after a stop"]);
  stream.close();
});

test("another stream goes on from a position", async () => {
  const agent = client.agent("later");
  await agent.makeAgent();
  const first = client.stream({ agents: ["later"], channels: ["memories"] });
  await first.started;
  const after = first.position;
  first.close();
  await agent.remember({ text: "while nobody listened" });
  const second = client.stream({ agents: ["later"], channels: ["memories"], ...(after === null ? {} : { after }) });
  const texts = textsOf(second);
  await until(() => texts.length === 1);
  second.close();
});

test("who is not known is told so once, and it ends", async () => {
  const stream = new QuantumMemory(server.url, { key: "qm_wrong" }).stream({ agents: ["alice"] });
  const closed = new Promise((resolve) => stream.on("closed", resolve));
  await expect(stream.started).rejects.toBeInstanceOf(StreamRefused);
  expect(await closed).toMatchObject({ error: { kind: "Unauthenticated" } });
});

test("what cannot be subscribed to is refused once, by the name of the fault", async () => {
  for (const agents of [[" "], ["a:b"], ["x".repeat(129)]]) {
    const stream = client.stream({ agents });
    await expect(stream.started).rejects.toMatchObject({ name: "StreamRefused" });
  }
});

test("a credential that was refused is asked for again, and the next one is tried", async () => {
  const keys = ["qm_old", server.key];
  const renewing = new QuantumMemory(server.url, { key: () => keys.shift() ?? server.key });
  const stream = renewing.stream({ channels: ["history"] });
  await stream.started;
  expect(keys).toEqual([]);
  renewing.close();
});
