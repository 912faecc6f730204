// Answers that come slowly, or not to their end.

import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { ConnectionFailed, QuantumMemory } from "../src/index.js";

let server: Server;

async function answering(play: (response: ServerResponse) => void): Promise<QuantumMemory> {
  server = createServer((_, response) => play(response.writeHead(200, { "Content-Type": "application/x-ndjson" })));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return new QuantumMemory(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { tries: 1, timeoutMs: 200 });
}

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

test("lines are given while they come, and the time of a try is that of the head", async () => {
  const client = await answering((response) => {
    response.write('{"a": 1}\n{"b"');
    setTimeout(() => response.end(': 2}\n{"c": 3}'), 400);
  });
  const lines: string[] = [];
  for await (const line of client.agent("a").exportMemories()) lines.push(line);
  expect(lines).toEqual(['{"a": 1}', '{"b": 2}', '{"c": 3}']);
});

test("an answer that breaks off is a connection that failed", async () => {
  const client = await answering((response) => {
    response.write("one\n");
    setTimeout(() => response.destroy(), 50);
  });
  const lines: string[] = [];
  const reading = (async () => {
    for await (const line of client.agent("a").exportMemories()) lines.push(line);
  })();
  await expect(reading).rejects.toBeInstanceOf(ConnectionFailed);
  expect(lines).toEqual(["one"]);
  await expect(client.agent("a").exportArchive()).rejects.toBeInstanceOf(ConnectionFailed);
  await expect(client.agent("a").readMood()).rejects.toBeInstanceOf(ConnectionFailed);
});

test("a signal ends an answer that is being read", async () => {
  const client = await answering((response) => response.write("one\n"));
  const ending = new AbortController();
  const reading = (async () => {
    for await (const _ of client.agent("a").exportMemories({ signal: ending.signal })) ending.abort(new Error("enough"));
  })();
  await expect(reading).rejects.toThrow("enough");
});

test("who reads no further ends the connection", async () => {
  let gone: () => void = () => undefined;
  const left = new Promise<void>((resolve) => (gone = resolve));
  const client = await answering((response) => response.on("close", gone).write("one\n"));
  for await (const _ of client.agent("a").exportMemories()) break;
  await expect(left).resolves.toBeUndefined();
});
