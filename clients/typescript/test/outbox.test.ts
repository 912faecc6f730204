// Writes while there is no connection: kept in order, done once, refused aloud when there are too many.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Closed, ConnectionFailed, Conflict, OutcomeUnknown, QuantumMemory, QueueFull } from "../src/index.js";
import { Outbox } from "../src/outbox.js";
import { Line, RealServer, until } from "./server.js";

let server: RealServer;
let line: Line;
const clients: QuantumMemory[] = [];

beforeAll(async () => {
  server = await RealServer.started();
  line = await Line.to(server);
});
afterEach(() => {
  line.down = false;
  line.passes = () => true;
  line.hold = () => Promise.resolve();
  for (const one of clients.splice(0)) one.close();
});
afterAll(async () => {
  await line.close();
  await server.remove();
});

async function away(name: string, most: number, firstMs = 20): Promise<QuantumMemory> {
  await new QuantumMemory(server.url, { key: server.key }).agent(name).makeAgent();
  const client = new QuantumMemory(line.url, { key: server.key, offline: { most }, backoff: { firstMs, mostMs: 5 * firstMs } });
  clients.push(client);
  return client;
}

function cut(): void {
  line.down = true;
  line.cut();
}

async function textsOf(name: string): Promise<string[]> {
  const { items } = await new QuantumMemory(server.url, { key: server.key }).agent(name).listMemories();
  return items.map((one) => one.text);
}

/** One of whose server nothing is heard but what the writes hear, if not said otherwise. */
function outbox({ most = 10, tries = 3, reached = false, firstMs = 1 }): Outbox {
  return new Outbox({ most, tries }, { firstMs, mostMs: 2 * firstMs, random: () => 0 }, () => Promise.resolve(reached));
}

/** Whether this is what answers that something is remembered. */
function isOfWrite(piece: Buffer): boolean {
  return piece.includes('"ids"');
}

test("what is written without a connection is done when there is one, in order and once", async () => {
  const client = await away("queued", 100);
  cut();
  const said = Array.from({ length: 20 }, (_, number) => `number ${number}`);
  const writes = said.map((text) => client.agent("queued").remember({ text }));
  await until(() => client.waiting === said.length);
  expect(await textsOf("queued")).toEqual([]);
  line.down = false;
  await Promise.all(writes);
  expect(client.waiting).toBe(0);
  expect(await textsOf("queued")).toEqual(said);
});

test("a write whose answer is lost waits with its key, and is done once", async () => {
  const client = await away("lost", 100);
  let lost = 0;
  line.passes = () => {
    lost += 1;
    return lost > 3; // three answers do not come back: the write was done all the same
  };
  await client.agent("lost").remember({ text: "once" });
  expect(lost).toBeGreaterThan(3);
  expect(await textsOf("lost")).toEqual(["once"]);
});

test("writes wait while a server is killed and started again", async () => {
  const client = await away("restarted", 100);
  const agent = client.agent("restarted");
  await agent.remember({ text: "before" });
  await server.kill();
  const writes = ["one", "two", "three"].map((text) => agent.remember({ text }));
  await until(() => client.waiting === 3);
  await server.start();
  await Promise.all(writes);
  expect(await textsOf("restarted")).toEqual(["before", "one", "two", "three"]);
});

test("when too many wait the oldest is refused with an error, and the others are kept", async () => {
  const client = await away("full", 3, 1000); // none is being sent again when the fifth comes
  cut();
  const writes = ["a", "b", "c", "d", "e"].map((text) => client.agent("full").remember({ text }));
  const settled = Promise.allSettled(writes);
  let refused = 0;
  for (const one of writes) one.catch(() => (refused += 1));
  await until(() => refused === 2);
  expect(client.waiting).toBe(3);
  line.down = false;
  const ends = (await settled).map((one) => (one.status === "rejected" ? one.reason : "done"));
  expect(ends.map((end) => (end instanceof QueueFull ? "full" : end))).toEqual(["full", "full", "done", "done", "done"]);
  expect(await textsOf("full")).toEqual(["c", "d", "e"]);
});

test("a stream that is told again sends what waits at once", async () => {
  const client = await away("woken", 10);
  const stream = client.stream({ agents: ["woken"], channels: ["memories"] });
  await stream.started;
  cut();
  const write = client.agent("woken").remember({ text: "while away" });
  await until(() => client.waiting === 1);
  line.down = false;
  const told = new Promise((resolve) => stream.on("memory_operation", resolve));
  await write;
  await told;
});

test("what is only asked does not wait, and what waits is refused when the client is closed or the signal says so", async () => {
  const client = await away("closed", 10);
  cut();
  await expect(client.agent("closed").readMood()).rejects.toBeInstanceOf(ConnectionFailed);
  const write = client.agent("closed").remember({ text: "never" });
  const ending = new AbortController();
  const other = client.agent("closed").remember({ text: "not this either" }, { signal: ending.signal });
  await until(() => client.waiting === 2);
  ending.abort(new Error("enough"));
  await expect(other).rejects.toThrow("enough");
  expect(client.waiting).toBe(1);
  client.close();
  await expect(write).rejects.toBeInstanceOf(Closed);
  await expect(client.agent("closed").remember({ text: "late" })).rejects.toBeInstanceOf(Closed);
});

test("a body that is too large is told so each time, also by a server that does not read it, and holds up nothing", async () => {
  const client = await away("large", 10);
  const text = "x".repeat(9 << 20);
  for (let time = 0; time < 4; time += 1) {
    const large = client.agent("large").remember({ text: `${time} ${text}` });
    const after = client.agent("large").remember({ text: `after ${time}` });
    await expect(large).rejects.toMatchObject({ name: "InvalidInput", status: 413 });
    await after;
  }
  expect(client.waiting).toBe(0);
  expect(await textsOf("large")).toEqual([0, 1, 2, 3].map((time) => `after ${time}`));
});

test("an error of one that waited is its own, and the next goes on", async () => {
  const client = await away("refused", 10);
  await new QuantumMemory(server.url, { key: server.key }).agent("refused").fork({ name: "there" });
  cut();
  const fork = client.agent("refused").fork({ name: "there" });
  const write = client.agent("refused").remember({ text: "after" });
  const refused = expect(fork).rejects.toBeInstanceOf(Conflict);
  await until(() => client.waiting === 2);
  line.down = false;
  await refused;
  await write;
  expect(await textsOf("refused")).toEqual(["after"]);
});

test("one that was made earlier and is still being tried is waited for", async () => {
  const box = outbox({ most: 10 });
  const done: string[] = [];
  let broken = true;
  let fail: (error: Error) => void = () => undefined;
  const slow = box.write(() => {
    if (!broken) return Promise.resolve(done.push("first"));
    return new Promise<number>((_, reject) => (fail = reject));
  }, { key: "slow" });
  const quick = box.write(() => (broken ? Promise.reject(new ConnectionFailed("none")) : Promise.resolve(done.push("second"))), { key: "quick" });
  await until(() => box.size === 1);
  broken = false;
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(done).toEqual([]);
  fail(new ConnectionFailed("none"));
  await Promise.all([slow, quick]);
  expect(done).toEqual(["first", "second"]);
});

test("a write that is under way is not refused for room: the next oldest is, and it was not done", async () => {
  const client = await away("room", 2);
  cut();
  const first = client.agent("room").remember({ text: "first" });
  await until(() => client.waiting === 1);
  let answers = 0;
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  line.hold = (piece) => (isOfWrite(piece) ? (++answers, held) : Promise.resolve());
  line.down = false;
  await until(() => answers > 0); // it is done on the server, and its answer is on the way
  const others = ["second", "third", "fourth"].map((text) => client.agent("room").remember({ text }));
  const refused = await Promise.allSettled(others.slice(0, 2));
  release();
  await Promise.all([first, others[2]]);
  expect(refused.map((one) => one.status === "rejected" && one.reason)).toMatchObject([{ sent: false }, { sent: false }]);
  expect(refused.every((one) => one.status === "rejected" && one.reason instanceof QueueFull)).toBe(true);
  expect(await textsOf("room")).toEqual(["first", "fourth"]);
});

test("who ends a write that is under way is told that nobody knows, and the same again with its key is done once", async () => {
  for (const name of ["ended", "ended-later"]) {
    const client = await away(name, 10);
    const ending = new AbortController();
    if (name === "ended-later") cut();
    let answers = 0;
    line.hold = (piece) => (isOfWrite(piece) ? (++answers, new Promise<void>(() => undefined)) : Promise.resolve());
    const write = client.agent(name).remember({ text: "once" }, { signal: ending.signal });
    const told = write.catch((error: unknown) => error);
    if (name === "ended-later") await until(() => client.waiting === 1);
    line.down = false;
    await until(() => answers > 0);
    ending.abort(new Error("enough"));
    const error = await told;
    expect(error).toBeInstanceOf(OutcomeUnknown);
    expect(error).toMatchObject({ sent: true, cause: { message: "enough" } });
    line.hold = () => Promise.resolve();
    await client.agent(name).remember({ text: "once" }, { idempotencyKey: (error as OutcomeUnknown).idempotencyKey });
    expect(await textsOf(name)).toEqual(["once"]);
  }
});

test("a client that is closed says which of its writes were sent, and one under way is told what it came to", async () => {
  const box = outbox({});
  let broken = true;
  let answer: (said: string) => void = () => undefined;
  const sent = box.write(
    () => (broken ? Promise.reject(new ConnectionFailed("none")) : new Promise((resolve) => (answer = resolve))),
    { key: "sent" },
  );
  await until(() => box.size === 1);
  const never = box.write(() => Promise.resolve("never"), { key: "never" });
  broken = false;
  box.wake();
  const answering = answer;
  await until(() => answer !== answering);
  box.close();
  await expect(never).rejects.toMatchObject({ write: { sent: false, idempotencyKey: "never" } });
  answer("done");
  expect(await sent).toBe("done");
});

test("a write whose connection fails each time while the server answers is given up, and the others go on", async () => {
  const hopeless = outbox({ tries: 3, reached: true, firstMs: 200 });
  let tries = 0;
  const never = hopeless.write(() => (++tries, Promise.reject(new ConnectionFailed("reset"))), { key: "large" });
  const given = expect(never).rejects.toMatchObject({ name: "OutcomeUnknown", idempotencyKey: "large" });
  await until(() => hopeless.size === 1);
  const next = hopeless.write(() => Promise.resolve("next"), { key: "next" });
  await given;
  expect(tries).toBe(4);
  expect(await next).toBe("next");
});
