// What README.md shows runs as it stands, but for where the server is.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { QuantumMemory } from "../src/index.js";
import { RealServer } from "./server.js";

test("the example of README.md", async () => {
  const server = await RealServer.started();
  const folder = await mkdtemp(join(tmpdir(), "qm-readme-"));
  try {
    const readme = await readFile(fileURLToPath(new URL("../README.md", import.meta.url)), "utf8");
    const shown = /```ts\n(.*?)```/s.exec(readme)?.[1] ?? "";
    const code = shown
      .replace('"quantum-memory-client"', JSON.stringify(fileURLToPath(new URL("../src/index.ts", import.meta.url))))
      .replace('"http://127.0.0.1:8000"', JSON.stringify(server.url));
    await writeFile(join(folder, "shown.ts"), `${code}\nexport { hits, memory };\n`);
    process.env["QM_KEY"] = server.key;
    const { hits, memory } = (await import(/* @vite-ignore */ join(folder, "shown.ts"))) as {
      hits: { memory: { text: string } }[];
      memory: QuantumMemory;
    };
    expect(hits[0]?.memory.text).toBe("We moved to Lisbon in March.");
    memory.close();
  } finally {
    await rm(folder, { recursive: true });
    await server.remove();
  }
});
