// REST against the real server: every operation, errors, retries that double nothing.

import { afterAll, beforeAll, expect, test } from "vitest";
import {
  Agent,
  Conflict,
  every,
  type Fetch,
  InvalidInput,
  KeyReused,
  NotFound,
  Project,
  QuantumMemory,
  TimedOut,
  Unauthenticated,
} from "../src/index.js";
import { OPERATIONS } from "../src/generated/operations.js";
import { Line, RealServer } from "./server.js";

let server: RealServer;
let client: QuantumMemory;

beforeAll(async () => {
  server = await RealServer.started();
  client = new QuantumMemory(server.url, { key: server.key });
});
afterAll(() => server.remove());

async function agentOf(name: string): Promise<Agent> {
  const agent = client.agent(name);
  await agent.makeAgent();
  return agent;
}

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of values) found.push(one);
  return found;
}

test("every operation of the document is a method of its name", () => {
  const methods = [Agent, Project, QuantumMemory].flatMap((one) => Object.getOwnPropertyNames(one.prototype));
  expect(Object.keys(OPERATIONS).filter((name) => !methods.includes(name))).toEqual([]);
});

test("what is remembered is recalled, listed, revised and forgotten", async () => {
  const alice = await agentOf("alice");
  const { ids } = await alice.remember({ id: "move", text: "We moved to Lisbon in March.", speaker: "Ann" });
  expect(ids).toEqual(["move"]);
  await alice.rememberMany({ memories: [{ text: "The balcony faces south." }, { text: "Bob visits on Sunday." }] });
  const found = await alice.recall({ query: "Where is Lisbon?", k: 1 });
  expect(found.hits[0]?.memory.text).toBe("We moved to Lisbon in March.");
  expect((await alice.context({ query: "Lisbon", tokens: 200 })).text).toContain("Lisbon");
  expect((await alice.reviseMemory("move", { tags: ["home"] })).tags).toEqual(["home"]);
  expect((await alice.readMemory("move")).tags).toEqual(["home"]);
  expect((await alice.readProvenance({ memory: "move" })).memory.id).toBe("move");
  expect(await alice.forgetMemory("move")).toBeUndefined();
  await expect(alice.readMemory("move")).rejects.toBeInstanceOf(NotFound);
  const left = await alice.listMemories();
  expect((await alice.forget({ ids: left.items.map((one) => one.id) })).forgotten).toBe(2);
});

test("lists come page by page, and `every` gives all of them", async () => {
  const agent = await agentOf("pages");
  await agent.rememberMany({ memories: Array.from({ length: 7 }, (_, n) => ({ id: `m${n}`, text: `number ${n}` })) });
  const ids: string[] = [];
  for await (const one of every((cursor) => agent.listMemories({ limit: 3, cursor }))) ids.push(one.id);
  expect(ids).toEqual(["m0", "m1", "m2", "m3", "m4", "m5", "m6"]);
  const names: string[] = [];
  for await (const one of every((cursor) => client.listAgents({ limit: 1, cursor }))) names.push(one.name);
  expect(names).toContain("pages");
});

test("moods", async () => {
  const agent = await agentOf("moody");
  const before = await agent.readMood();
  await agent.feel({ emotion: "joy", cause: "the sun came out" });
  const after = await agent.readMood();
  expect(after.mean.pleasure).toBeGreaterThan(before.mean.pleasure);
  expect((await agent.readMoodHistory({ limit: 5 })).items.length).toBeGreaterThan(0);
});

test("history: checkpoint, fork, a branch's own agent, diff, merge, rollback, tags", async () => {
  const agent = await agentOf("forked");
  await agent.remember({ id: "a", text: "They live in Porto." });
  await agent.checkpoint({ message: "before" });
  await agent.fork({ name: "what-if" });
  const other = client.agent("forked", "what-if");
  await other.remember({ id: "b", text: "They stayed." });
  expect((await agent.listMemories()).items).toHaveLength(1);
  const differ = await agent.diff({ left: "main", right: "what-if" });
  expect(JSON.stringify(differ)).toContain('"b"');
  await agent.merge({ branch: "what-if", policy: "newest" });
  expect((await agent.listMemories()).items).toHaveLength(2);
  await agent.putTag("v1", { at: "before" });
  expect((await agent.listTags()).items.map((one) => one.name)).toEqual(["v1"]);
  await agent.rollback({ to: "before" });
  expect((await agent.listMemories()).items).toHaveLength(1);
  await agent.dropTag("v1");
  await agent.deleteBranch("what-if");
  expect((await agent.listBranches()).items).toHaveLength(1);
  expect((await agent.listCommits()).items.length).toBeGreaterThan(0);
  expect((await agent.readLog({ limit: 2 })).items).toHaveLength(2);
  expect((await agent.readTree()).branches.length).toBeGreaterThan(0);
  expect((await agent.readAudit()).items.length).toBeGreaterThan(0);
  expect((await agent.clone({ name: "twin" })).name).toBe("twin");
});

test("streams, exports, imports and archives", async () => {
  const agent = await agentOf("lines");
  const said = Array.from({ length: 50 }, (_, n) => ({ text: `line ${n}`, at: "2025-01-01T00:00:00Z" }));
  const events = await all(agent.rememberStream(said));
  expect(events.at(-1)).toMatchObject({ event: "done", remembered: 50 });
  await all(agent.rememberStream(said));
  const lines = await all(agent.exportMemories());
  expect(lines).toHaveLength(50);
  const copy = client.agent("copied");
  expect((await copy.importMemories(lines.join("\n"), "application/x-ndjson", { create: true, format: "jsonl" })).added).toBe(50);
  const archive = await agent.exportArchive();
  expect((await client.agent("taken-in").importArchive(archive)).agent).toBe("taken-in");
  expect(await all(client.agent("taken-in").exportMemories())).toHaveLength(50);
  await expect(client.agent("taken-in").importArchive(archive)).rejects.toBeInstanceOf(Conflict);
  let lost = 0;
  const losing: Fetch = async (url, init) => {
    const answer = await fetch(url, init);
    if (lost++ === 0) throw new TypeError("the answer was lost");
    return answer;
  };
  const again = new QuantumMemory(server.url, { key: server.key, fetch: losing, backoff: { firstMs: 1, mostMs: 4 } });
  expect((await again.agent("taken-in-again").importArchive(archive)).agent).toBe("taken-in-again");
  expect(lost).toBe(2);
});

test("a project's entries are kept, listed, changed, found and taken away", async () => {
  const apollo = client.project("apollo");
  const rule = await apollo.rules.create({ title: "No deploys", text: "Nobody deploys after noon.", tier: "open", tags: ["a", "b"] });
  expect(await apollo.rules.get(rule.id)).toEqual(rule);
  expect((await apollo.rules.update(rule.id, 1, { enabled: false })).version).toBe(2);
  await expect(apollo.rules.update(rule.id, 1, { title: "Mine" })).rejects.toBeInstanceOf(Conflict);
  await apollo.documents.create({ title: "Landing", text: "The legs unfold at 200 m.", id: "landing" });
  await apollo.references.create({ title: "A paper", uri: "doi:10.1000/182", tags: ["a"] });
  const named = await all(every((cursor) => apollo.rules.list({ tag: ["a", "b"], limit: 1, cursor })));
  expect(named.map((one) => one.id)).toEqual([rule.id]);
  expect((await apollo.listEntries()).items.map((one) => one.kind)).toEqual(["rule", "document", "reference"]);
  expect((await apollo.search({ query: "when do the legs unfold?", kinds: ["document"] })).hits[0]?.entry.id).toBe("landing");
  expect((await client.searchLibrary({ query: "deploys" })).hits.length).toBeGreaterThan(0);
  expect((await client.listProjects()).items).toEqual([{ name: "apollo" }]);
  await apollo.documents.delete("landing", 1);
  await expect(apollo.documents.get("landing")).rejects.toBeInstanceOf(NotFound);
});

test("health and metrics", async () => {
  expect((await new QuantumMemory(server.url).health()).status).toBe("serving");
  expect((await client.healthDetailed()).status).toBeDefined();
  expect((await client.healthGpu()).nodes).toBeDefined();
});

test("errors are classes, with what the server said of them", async () => {
  const nobody = await client.agent("nobody-here").readAgent().catch((error: unknown) => error);
  expect(nobody).toBeInstanceOf(NotFound);
  expect(nobody).toMatchObject({ kind: "agent-not-found", status: 404, problem: { agent: "nobody-here" } });
  expect((nobody as NotFound).requestId).toMatch(/^[0-9a-f]{32}$/);
  const agent = await agentOf("errors");
  await expect(agent.recall({ query: "x", k: -1 })).rejects.toBeInstanceOf(InvalidInput);
  await agent.remember({ text: "one" }, { idempotencyKey: "used" });
  await expect(agent.remember({ text: "two" }, { idempotencyKey: "used" })).rejects.toBeInstanceOf(KeyReused);
  await expect(new QuantumMemory(server.url, { key: "qm_wrong" }).listAgents()).rejects.toBeInstanceOf(Unauthenticated);
  const named = await agent.readMood({ requestId: "mine-1", branch: "no-such" }).catch((error: unknown) => error);
  expect(named).toMatchObject({ requestId: "mine-1" });
});

test("a signal and a timeout end a call", async () => {
  const agent = await agentOf("late");
  await expect(agent.readMood({ signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
  const never: Fetch = (_, { signal }) =>
    new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
  const silent = new QuantumMemory("http://127.0.0.1:9", { tries: 2, timeoutMs: 20, fetch: never });
  await expect(silent.listAgents()).rejects.toBeInstanceOf(TimedOut);
});

test("a server that is killed between a write and its answer has done it once when it is back", async () => {
  const line = await Line.to(server);
  const agent = await agentOf("killed");
  let killed: Promise<void> | null = null;
  line.passes = () => {
    // The answer is here, so the write is on disk. Nobody hears of it, and the server is gone.
    killed ??= server.kill().then(() => server.start());
    return false;
  };
  const away = new QuantumMemory(line.url, { key: server.key, tries: 100, backoff: { mostMs: 200 } });
  const write = away.agent("killed").remember({ text: "Said once." });
  while (killed === null) await new Promise((resolve) => setTimeout(resolve, 5));
  await killed;
  line.passes = () => true;
  const { ids } = await write;
  const { items } = await agent.listMemories();
  expect(items.map((one) => [one.id, one.text])).toEqual([[ids[0], "Said once."]]);
  await line.close();
});
