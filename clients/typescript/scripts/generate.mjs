// Makes src/generated from the application itself: types of REST and of the stream, and the table of operations.
// With --check nothing is written, and what is not as it would be made is an error.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const python = process.env.QM_PYTHON ?? `${root}.venv/bin/python`;
const head = "// Made by `npm run generate` from the application. Not to be edited.\n\n";

function told(what) {
  const script = fileURLToPath(new URL("document.py", import.meta.url));
  const env = { ...process.env, PYTHONPATH: `${root}src:${root}` };
  return JSON.parse(execFileSync(python, [script, what], { cwd: root, env, maxBuffer: 1 << 26 }).toString());
}

async function types(document) {
  return head + astToString(await openapiTS(document, { alphabetize: true, defaultNonNullable: false, emptyObjectsUnknown: true }));
}

// The stream's schema as a document of OpenAPI 3.1, whose schemas are JSON Schema too.
function asDocument(schema) {
  const text = JSON.stringify({ ...schema.$defs, ...named(schema.properties) });
  const schemas = JSON.parse(text.replaceAll("#/$defs/", "#/components/schemas/"));
  return { openapi: "3.1.0", info: { title: schema.title, version: "1" }, paths: {}, components: { schemas } };
}

function named({ client, server }) {
  return { FromClient: client, FromServer: server };
}

function operations(document) {
  const rows = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => [operation.operationId, row(path, method, operation)]),
  );
  const lines = rows.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, one]) => `  ${name}: ${JSON.stringify(one)},`);
  return `${head}export const OPERATIONS = {\n${lines.join("\n")}\n} as const;\n`;
}

function row(path, method, operation) {
  const query = operation.parameters.filter((one) => one.in === "query").map((one) => one.name);
  const upload = Object.keys(operation.requestBody?.content ?? {}).filter((media) => media !== "application/json");
  return {
    method: method.toUpperCase(),
    path,
    query,
    writes: method !== "get" && operation["x-role"] !== "reader",
    upload: upload.length > 0,
  };
}

const rest = told("rest");
const files = {
  "rest.ts": await types(rest),
  "stream.ts": await types(asDocument(told("stream"))),
  "operations.ts": operations(rest),
};
for (const [name, text] of Object.entries(files)) {
  const path = fileURLToPath(new URL(`../src/generated/${name}`, import.meta.url));
  if (!process.argv.includes("--check")) writeFileSync(path, text);
  else if (!existsSync(path) || readFileSync(path, "utf8") !== text) {
    console.error(`src/generated/${name} is not what the application says: npm run generate`);
    process.exitCode = 1;
  }
}
