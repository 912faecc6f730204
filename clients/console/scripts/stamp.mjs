// A digest of what the console is built from, beside what was built: a test compares it without Node.
// With --check, what was just built into .built must be what is committed, byte for byte.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL("..", import.meta.url));
const clients = fileURLToPath(new URL("../..", import.meta.url));
const committed = fileURLToPath(new URL("../../../cluster/service/console/built", import.meta.url));
const SOURCES = ["console/src", "console/index.html", "console/package-lock.json", "console/package.json", "console/vite.config.ts", "typescript/src"];
const STAMP = "sources.digest";

function files(place) {
  if (!statSync(place).isDirectory()) return [place];
  return readdirSync(place).flatMap((name) => files(join(place, name)));
}

/** SHA-256 over "path NUL length NUL content" of every source, by path. */
function digest() {
  const hash = createHash("sha256");
  const all = SOURCES.flatMap((source) => files(join(clients, source))).map((file) => [relative(clients, file).split(sep).join("/"), file]);
  for (const [name, file] of all.sort(([a], [b]) => (a < b ? -1 : 1))) {
    const content = readFileSync(file);
    hash.update(`${name}\0${content.length}\0`).update(content);
  }
  return `${hash.digest("hex")}\n`;
}

function contents(folder) {
  return new Map(files(folder).map((file) => [relative(folder, file), readFileSync(file)]));
}

if (process.argv.includes("--check")) {
  const fresh = join(here, ".built");
  writeFileSync(join(fresh, STAMP), digest());
  const [made, kept] = [contents(fresh), contents(committed)];
  rmSync(fresh, { recursive: true });
  const names = new Set([...made.keys(), ...kept.keys()]);
  const other = [...names].filter((name) => !made.get(name)?.equals(kept.get(name) ?? Buffer.alloc(0)) || !kept.has(name));
  if (other.length > 0) {
    console.error(`not as the sources give it, run \`make console\`: ${other.join(", ")}`);
    process.exit(1);
  }
  console.log(`${made.size} files are as the sources give them`);
} else {
  writeFileSync(join(committed, STAMP), digest());
}
