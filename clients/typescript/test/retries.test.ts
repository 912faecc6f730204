// Retries against a scripted fetch: what is sent again, when, and under which key.

import { expect, test } from "vitest";
import { ConnectionFailed, type Fetch, InvalidInput, QuantumMemory, RateLimited, ServerError } from "../src/index.js";
import { retryAfterMs } from "../src/errors.js";
import { waitMs } from "../src/retries.js";

type Step = Response | Error;

function scripted(steps: Step[]): { fetch: Fetch; sent: { key: string | null; at: number }[] } {
  const sent: { key: string | null; at: number }[] = [];
  const fetch: Fetch = async (_, init) => {
    sent.push({ key: new Headers(init.headers).get("Idempotency-Key"), at: Date.now() });
    const step = steps.shift() ?? new Error("nothing more was to be sent");
    if (step instanceof Error) throw step;
    return step;
  };
  return { fetch, sent };
}

function problem(status: number, headers: Record<string, string> = {}): Response {
  const body = { type: "/problems/some", title: "Some", status, detail: "some", request_id: "r" };
  return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/problem+json", ...headers } });
}

const BROKEN = new TypeError("fetch failed");
const DONE = (): Response => Response.json({ ids: ["a"] });
const QUICK = { backoff: { firstMs: 1, mostMs: 4 } };

test("a write has one key over all its tries, and another write another", async () => {
  const { fetch, sent } = scripted([BROKEN, problem(503), problem(504), DONE(), DONE()]);
  const agent = new QuantumMemory("http://door", { fetch, ...QUICK }).agent("a");
  expect(await agent.remember({ text: "x" })).toEqual({ ids: ["a"] });
  await agent.remember({ text: "x" });
  const keys = sent.map((one) => one.key);
  expect(new Set(keys.slice(0, 4)).size).toBe(1);
  expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
  expect(keys[4]).not.toBe(keys[0]);
});

test("what only asks has no key, and is tried again too", async () => {
  const { fetch, sent } = scripted([BROKEN, Response.json({ hits: [] })]);
  await new QuantumMemory("http://door", { fetch, ...QUICK }).agent("a").recall({ query: "x" });
  expect(sent.map((one) => one.key)).toEqual([null, null]);
});

test("`Retry-After` is waited for, unless it is longer than one would wait", async () => {
  const soon = scripted([problem(429, { "Retry-After": "1" }), DONE()]);
  await new QuantumMemory("http://door", { fetch: soon.fetch, ...QUICK }).agent("a").remember({ text: "x" });
  expect((soon.sent[1]?.at ?? 0) - (soon.sent[0]?.at ?? 0)).toBeGreaterThanOrEqual(995);
  const late = scripted([problem(429, { "Retry-After": "3600" })]);
  const error = await new QuantumMemory("http://door", { fetch: late.fetch }).listAgents().catch((one: unknown) => one);
  expect(error).toBeInstanceOf(RateLimited);
  expect(error).toMatchObject({ retryAfterMs: 3_600_000 });
});

test("`Retry-After` may be a date", () => {
  expect(retryAfterMs("Thu, 01 Jan 1970 00:00:05 GMT", 2000)).toBe(3000);
  expect(retryAfterMs("Thu, 01 Jan 1970 00:00:05 GMT", 9000)).toBe(0);
  expect(retryAfterMs("2")).toBe(2000);
  expect(retryAfterMs("soon")).toBeNull();
  expect(retryAfterMs(null)).toBeNull();
});

test("what does not get better is not tried again, and after so many tries it is enough", async () => {
  const wrong = scripted([problem(422), DONE()]);
  await expect(new QuantumMemory("http://door", { fetch: wrong.fetch }).listAgents()).rejects.toBeInstanceOf(InvalidInput);
  const bug = scripted([problem(500), DONE()]);
  await expect(new QuantumMemory("http://door", { fetch: bug.fetch }).listAgents()).rejects.toBeInstanceOf(ServerError);
  const { fetch, sent } = scripted([BROKEN, BROKEN, BROKEN, DONE()]);
  const client = new QuantumMemory("http://door", { fetch, tries: 3, ...QUICK });
  await expect(client.listAgents()).rejects.toBeInstanceOf(ConnectionFailed);
  expect(sent).toHaveLength(3);
});

test("a failure that is no problem of the server's is tried again: a proxy has lost the replica that had the request", async () => {
  const lost = (): Response => new Response("Internal Server Error", { status: 500 });
  const { fetch, sent } = scripted([lost(), lost(), DONE()]);
  await new QuantumMemory("http://door", { fetch, ...QUICK }).agent("a").remember({ text: "x" });
  expect(new Set(sent.map((one) => one.key)).size).toBe(1);
});

test("what something in between says for good is not tried again", async () => {
  const { fetch, sent } = scripted([new Response("no", { status: 501 }), DONE()]);
  await expect(new QuantumMemory("http://door", { fetch, ...QUICK }).listAgents()).rejects.toBeInstanceOf(ServerError);
  expect(sent).toHaveLength(1);
});

test("a name that clients take for a step of the path is refused", async () => {
  const { fetch, sent } = scripted([DONE()]);
  const agent = new QuantumMemory("http://door", { fetch, ...QUICK }).agent("a");
  await expect(Promise.resolve().then(() => agent.forgetMemory(".."))).rejects.toBeInstanceOf(TypeError);
  expect(sent).toHaveLength(0);
});

test("an archive is sent again under its key, and another import has another", async () => {
  const lost = new Response("Internal Server Error", { status: 500 });
  const { fetch, sent } = scripted([BROKEN, lost, problem(504), Response.json({ agent: "a" }), Response.json({ agent: "a" })]);
  const agent = new QuantumMemory("http://door", { fetch, ...QUICK }).agent("a");
  expect(await agent.importArchive(new Uint8Array([1, 2]))).toEqual({ agent: "a" });
  await agent.importArchive(new Blob(["bytes"]));
  const keys = sent.map((one) => one.key);
  expect(new Set(keys.slice(0, 4)).size).toBe(1);
  expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
  expect(keys[4]).not.toBe(keys[0]);
});

test("a body that can be read once is not sent again", async () => {
  for (const said of [BROKEN, problem(503)]) {
    const { fetch, sent } = scripted([said, DONE()]);
    const agent = new QuantumMemory("http://door", { fetch, ...QUICK }).agent("a");
    await expect(agent.importArchive(new Blob(["bytes"]).stream() as unknown as Blob)).rejects.toThrow();
    expect(sent).toHaveLength(1);
  }
});

test("what is no problem+json, as of a proxy, is an error all the same", async () => {
  const { fetch } = scripted([new Response("<html>", { status: 418 })]);
  const error = await new QuantumMemory("http://door", { fetch }).listAgents().catch((one: unknown) => one);
  expect(error).toMatchObject({ name: "ServerError", status: 418, kind: "unknown" });
});

test("a signal ends the wait between two tries", async () => {
  const { fetch } = scripted([problem(503, { "Retry-After": "30" })]);
  const ending = new AbortController();
  const asked = new QuantumMemory("http://door", { fetch }).listAgents({ signal: ending.signal });
  setTimeout(() => ending.abort(new Error("enough")), 20);
  await expect(asked).rejects.toThrow("enough");
});

test("waits double up to the longest, and are at least half of it", () => {
  const none = { firstMs: 100, mostMs: 1000, random: () => 0 };
  const all = { ...none, random: () => 1 };
  expect([1, 2, 3, 4, 5, 99].map((tries) => waitMs(none, tries))).toEqual([50, 100, 200, 400, 500, 500]);
  expect([1, 2, 3, 4, 5, 99].map((tries) => waitMs(all, tries))).toEqual([100, 200, 400, 800, 1000, 1000]);
});

test("names in paths are encoded, and queries hold what the operation takes", async () => {
  const urls: string[] = [];
  const fetch: Fetch = async (url) => {
    urls.push(url);
    return Response.json({ items: [], next: null });
  };
  const agent = new QuantumMemory("http://door/", { fetch }).agent("a/b ?", "what if");
  await agent.listMemories({ limit: 2, timeoutMs: 50, as_of: null });
  expect(urls).toEqual(["http://door/v1/agents/a%2Fb%20%3F/memories?branch=what+if&limit=2"]);
});
