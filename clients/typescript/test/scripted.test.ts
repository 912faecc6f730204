// The stream against a server that plays what a real one seldom does: it falls silent, leaves out, and goes in the middle.

import { afterEach, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import type { AddressInfo } from "node:net";
import { type MemoryStream, QuantumMemory, type StreamOptions } from "../src/index.js";
import { until } from "./server.js";

type Said = Record<string, unknown>;
type Play = (say: (message: Said) => void, heard: Said, socket: WebSocket) => void;

let server: WebSocketServer;
let stream: MemoryStream;

async function played(play: Play, heartbeat = 15, credit = 1024, options: StreamOptions = {}): Promise<{ stream: MemoryStream; heard: Said[] }> {
  server = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: () => "quantum-memory.v1" });
  await new Promise((resolve) => server.once("listening", resolve));
  const heard: Said[] = [];
  server.on("connection", (socket) => {
    const say = (message: Said): void => socket.send(JSON.stringify(message));
    socket.on("message", (data) => {
      const message = JSON.parse(String(data)) as Said;
      heard.push(message);
      if (message["type"] === "hello") say({ type: "welcome", version: 1, features: [], position: 9, heartbeat_s: heartbeat, credit });
      else play(say, message, socket);
    });
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  stream = new QuantumMemory(url, { backoff: { firstMs: 10, mostMs: 50 } }).stream({
    agents: ["a"], channels: ["memories"], ...options,
  });
  return { stream, heard };
}

function remembered(position: number): Said {
  const told = { memories: [] };
  return { type: "memory_operation", subscription: "s", position, at: "", agent: "a", branch: "main", operation: "remembered", told };
}

const EQUATION = { type: "equation_evolution", subscription: "s", at: "", agent: "a", branch: "main", memory: "m" };

afterEach(() => {
  stream.close();
  server.clients.forEach((one) => one.terminate());
  server.close();
});

test("a connection that breaks within one change is gone on with within it", async () => {
  let connections = 0;
  const { stream, heard } = await played((say, message, socket) => {
    if (message["type"] !== "subscribe") return;
    connections += 1;
    say({ type: "subscribed", id: "s", position: Number(message["after"] ?? 9) });
    say(remembered(11));
    if (connections === 1) return socket.terminate();
    say({ ...EQUATION, position: 11 });
    say(remembered(12));
  });
  const told: string[] = [];
  stream.on("memory_operation", ({ position }) => told.push(`memory ${position}`));
  stream.on("equation_evolution", ({ position }) => told.push(`equation ${position}`));
  await until(() => told.length >= 3);
  expect(told).toEqual(["memory 11", "equation 11", "memory 12"]);
  expect(heard.filter((one) => one["type"] === "subscribe").map((one) => one["after"])).toEqual([null, 9]);
});

test("what a slow reader was not told is asked for again, in order", async () => {
  let subscriptions = 0;
  const { stream } = await played((say, message) => {
    if (message["type"] !== "subscribe") return;
    subscriptions += 1;
    say({ type: "subscribed", id: "s", position: Number(message["after"] ?? 9) });
    if (subscriptions === 1) {
      say(remembered(10));
      say({ type: "lagging", subscription: "s", after: 10, upto: 13 });
      say(remembered(14));
      say({ type: "heartbeat", position: 14 });
    } else [10, 11, 12, 13, 14].forEach((position) => say(remembered(position)));
  });
  const told: number[] = [];
  const lagged: number[] = [];
  stream.on("memory_operation", ({ position }) => told.push(position));
  stream.on("lagging", ({ upto }) => lagged.push(upto));
  await until(() => told.length >= 5);
  expect(told).toEqual([10, 11, 12, 13, 14]);
  expect(lagged).toEqual([13]);
});

test("with moods a connection goes on where all moods were told, and no change is told again", async () => {
  let connections = 0;
  const { stream, heard } = await played((say, message, socket) => {
    if (message["type"] !== "subscribe") return;
    connections += 1;
    say({ type: "subscribed", id: "s", position: Number(message["after"] ?? 9) });
    [10, 11, 12].forEach((position) => say(remembered(position)));
    if (connections > 1) return say(remembered(13));
    say({ type: "closing", reason: "shutdown", position: 10, reconnect_after_s: 0 });
    socket.close(1012);
  }, 15, 1024, { channels: ["mood", "memories"] });
  const told: number[] = [];
  stream.on("memory_operation", ({ position }) => told.push(position));
  await until(() => told.length >= 4);
  expect(told).toEqual([10, 11, 12, 13]);
  expect(heard.filter((one) => one["type"] === "subscribe").map((one) => one["after"])).toEqual([null, 10]);
});

for (const [channel, positions] of [["mood", [9, 9, 10, 12]], ["history", [9, 10, 11, 12]]] as const)
  test(`with the channel ${channel} another stream can go on where all was told`, async () => {
    const { stream } = await played((say, message, socket) => {
      if (message["type"] !== "subscribe") return;
      say({ type: "subscribed", id: "s", position: Number(message["after"] ?? 9) });
      [10, 11].forEach((position) => say(remembered(position)));
      say({ type: "heartbeat", position: 10 });
      say(remembered(13));
      say({ type: "closing", reason: "shutdown", position: 12, reconnect_after_s: 9 });
      socket.close(1012);
    }, 15, 1024, { channels: [channel, "memories"] });
    const found: unknown[] = [];
    stream.on("memory_operation", () => found.push(stream.position));
    stream.on("disconnected", () => found.push(stream.position));
    await until(() => found.length === 4);
    expect(found).toEqual(positions);
  });

test("after a restore a connection asks for every mood until all were told", async () => {
  let connections = 0;
  const { heard } = await played((say, message, socket) => {
    if (message["type"] !== "subscribe") return;
    connections += 1;
    say({ type: "subscribed", id: "s", position: Number(message["after"] ?? 9) });
    if (connections === 1) say({ type: "lagging", subscription: "s", after: 9, upto: 7 });
    else say({ type: "heartbeat", position: connections + 4 });
    if (connections < 4) socket.close();
  }, 15, 1024, { channels: ["mood"] });
  await until(() => connections === 4);
  const asked = heard.filter((one) => one["type"] === "subscribe").map((one) => [one["after"], one["all_moods"]]);
  expect(asked).toEqual([[null, undefined], [7, true], [7, true], [7, undefined]]);
});

test("who is there is told to who asks for it, and what was left out to everybody", async () => {
  const { stream, heard } = await played((say, message) => {
    if (message["type"] !== "subscribe") return;
    say({ type: "subscribed", id: "s", position: 9 });
    say({ type: "presence", agent: "a", watching: 2 });
    say({ type: "snapshot", subscription: "s", position: 9, branches: 1, complete: true });
    say({ type: "snapshot", subscription: "s", position: 9, branches: 1024, complete: false });
  }, 15, 1024, { presence: true });
  const told: unknown[] = [];
  stream.on("presence", ({ agent, watching }) => told.push([agent, watching]));
  stream.on("snapshot", ({ branches }) => told.push(branches));
  await until(() => told.length >= 2);
  expect(told).toEqual([["a", 2], 1024]);
  expect(heard[0]?.["features"]).toEqual(["snapshots", "presence"]);
});

test("a server that falls silent is left for another connection", async () => {
  const { stream } = await played((say, message) => {
    if (message["type"] === "subscribe") say({ type: "subscribed", id: "s", position: 9 });
  }, 0.05);
  const ends: string[] = [];
  stream.on("disconnected", ({ reason }) => ends.push(reason));
  await until(() => ends.length >= 2);
  expect(ends[0]).toContain("nothing came");
});

test("what came is acknowledged at a quarter of the credit, and soon in any case", async () => {
  const { heard } = await played((say, message) => {
    if (message["type"] !== "subscribe") return;
    say({ type: "subscribed", id: "s", position: 9 });
    for (let position = 10; position < 16; position += 1) say(remembered(position));
    say({ type: "heartbeat", position: 16 });
  }, 15, 12);
  const acks = (): unknown[] => heard.filter((one) => one["type"] === "ack").map((one) => one["received"]);
  await until(() => acks().at(-1) === 7);
  expect(acks()).toEqual([3, 6, 7]);
});

test("a refusal that asking again does not change ends it, with its name; another is come back from", async () => {
  for (const error of ["EmptyText", "OutOfRange", "InvalidMessage", "AgentNotFound", "protocol"]) {
    let tries = 0;
    const { stream } = await played((say, message) => {
      if (message["type"] === "subscribe") say({ type: "refused", error, detail: "why", id: "s" });
      tries += 1;
    });
    const closed = new Promise((resolve) => stream.on("closed", resolve));
    await expect(stream.started).rejects.toMatchObject({ name: "StreamRefused", kind: error });
    expect(await closed).toMatchObject({ error: { kind: error } });
    expect(tries).toBe(1);
    server.close();
  }
  let subscriptions = 0;
  const { stream } = await played((say, message) => {
    if (message["type"] !== "subscribe") return;
    subscriptions += 1;
    if (subscriptions < 3) say({ type: "refused", error: "VaultUnavailable", detail: "not now", id: "s" });
    else say({ type: "subscribed", id: "s", position: 9 });
  });
  await stream.started;
});

test("the server's own pause before coming back is kept to", async () => {
  const times: number[] = [];
  const { stream } = await played((say, message, socket) => {
    if (message["type"] !== "subscribe") return;
    times.push(Date.now());
    say({ type: "subscribed", id: "s", position: 9 });
    say({ type: "closing", reason: "shutdown", position: 20, reconnect_after_s: 0.5 });
    socket.close(1012);
  });
  await until(() => times.length >= 2);
  expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(500);
  expect(stream.position).toBe(20);
});
