/** The way to a memory: its address, who asks, and what goes with every call. */

import { Agent } from "./agent.js";
import { ProblemError } from "./errors.js";
import { OPERATIONS } from "./generated/operations.js";
import { whole } from "./lines.js";
import { Outbox } from "./outbox.js";
import { Project } from "./project.js";
import { type Backoff, BACKOFF, uniqueKey } from "./retries.js";
import { openSocket, type SocketFactory } from "./socket.js";
import { MemoryStream, type StreamOptions } from "./stream.js";
import { answered, type Call, type Credential, type Fetch, type Way } from "./transport.js";
import type { Answer, Body, CallOptions, OperationName, Options } from "./types.js";

export interface ClientOptions {
  /** An API key or token, or a function that gives the one that is valid now. */
  key?: Credential;
  /** How long one try may take, in milliseconds. 30 s when left out. */
  timeoutMs?: number;
  /** How often something is tried at most. 5 when left out. */
  tries?: number;
  /** How soon it is tried again. */
  backoff?: Partial<Backoff>;
  /** A `Retry-After` that is longer is not waited for: the error comes at once. A minute when left out. */
  mostRetryAfterMs?: number;
  /** How many writes may wait while there is no connection; none when left out, and they fail then after their tries. */
  offline?: { most: number };
  /** In the place of the platform's. */
  fetch?: Fetch;
  /** In the place of the platform's WebSocket, or of `ws`. */
  socket?: SocketFactory;
}

/** What a request brings, as an operation's method says it. */
export interface Brought {
  /** The values of the path's parameters. */
  path?: Record<string, string>;
  /** A value that is sent as JSON. */
  json?: unknown;
  /** What is sent as it is, and of which media type it is. */
  upload?: { body: BodyInit; media: string };
}

/** What an agent's methods need of a client. */
export interface Caller {
  json<O extends OperationName>(name: O, brought: Brought, options: Options<O>): Promise<Answer<O>>;
  raw<O extends OperationName>(name: O, brought: Brought, options: Options<O>): Promise<Response>;
}

/**
 * A client of one memory. Makes no connection before it is used.
 *
 * A write gets an idempotency key when it is made, which is kept over its retries: it is done once, however often it is sent.
 */
export class QuantumMemory implements Caller {
  readonly #way: Way;
  readonly #timeoutMs: number;
  readonly #outbox: Outbox | null;
  readonly #backoff: Backoff;
  readonly #socket: SocketFactory;
  readonly #streams = new Set<MemoryStream>();

  /** @param url where the door is, as `http://127.0.0.1:8000`. */
  constructor(url: string, options: ClientOptions = {}) {
    this.#backoff = { ...BACKOFF, ...options.backoff };
    this.#timeoutMs = options.timeoutMs ?? 30_000;
    this.#socket = options.socket ?? openSocket;
    this.#way = {
      url: url.replace(/\/+$/, ""),
      credential: options.key,
      fetch: options.fetch ?? ((to, init) => fetch(to, init)),
      tries: options.tries ?? 5,
      backoff: this.#backoff,
      mostRetryAfterMs: options.mostRetryAfterMs ?? 60_000,
    };
    const bounds = { most: options.offline?.most ?? 0, tries: this.#way.tries };
    this.#outbox = options.offline === undefined ? null : new Outbox(bounds, this.#backoff, () => this.#reached());
  }

  /** How many writes wait for a connection. */
  get waiting(): number {
    return this.#outbox?.size ?? 0;
  }

  /** An agent by its name. Asks the server nothing; `makeAgent` makes one. With a branch, all of its methods are of that. */
  agent(name: string, branch?: string): Agent {
    return new Agent(this, name, branch);
  }

  /** A project of the library by its name. Asks the server nothing; it begins with its first entry. */
  project(name: string): Project {
    return new Project(this, name);
  }

  /** Be told of what happens. */
  stream(options: StreamOptions): MemoryStream {
    const url = `${this.#way.url.replace(/^http/, "ws")}/v1/stream`;
    const made = new MemoryStream(url, this.#way.credential, options, this.#backoff, this.#socket);
    this.#streams.add(made);
    made.on("connected", () => this.#outbox?.wake());
    made.on("closed", () => this.#streams.delete(made));
    return made;
  }

  /** Who asks, and what he may. */
  readCaller(options: CallOptions = {}): Promise<Answer<"readCaller">> {
    return this.json("readCaller", {}, options);
  }

  /** What callers of the tenant were denied, newest first, a page of it: for an admin. */
  listDenials(options: Options<"listDenials"> = {}): Promise<Answer<"listDenials">> {
    return this.json("listDenials", {}, options);
  }

  /** The agents that the caller sees, by name, a page of them. */
  listAgents(options: Options<"listAgents"> = {}): Promise<Answer<"listAgents">> {
    return this.json("listAgents", {}, options);
  }

  /** The projects that the caller may read something of, by name, a page of them. */
  listProjects(options: Options<"listProjects"> = {}): Promise<Answer<"listProjects">> {
    return this.json("listProjects", {}, options);
  }

  /** What the library has on something, best first: of all projects, or of those that are named. */
  searchLibrary(question: Body<"searchLibrary">, options: Options<"searchLibrary"> = {}): Promise<Answer<"searchLibrary">> {
    return this.json("searchLibrary", { json: question }, options);
  }

  /** Whether the replica that is asked serves. Takes no key. */
  health(options: CallOptions = {}): Promise<Answer<"health">> {
    return this.json("health", {}, options);
  }

  /** The pools, the vault, how far views are behind, and what went wrong last. */
  healthDetailed(options: CallOptions = {}): Promise<Answer<"healthDetailed">> {
    return this.json("healthDetailed", {}, options);
  }

  /** The GPUs of the nodes, and what the actors have taken of them. */
  healthGpu(options: CallOptions = {}): Promise<Answer<"healthGpu">> {
    return this.json("healthGpu", {}, options);
  }

  /** The metrics, in the text format of Prometheus. */
  async metrics(options: CallOptions = {}): Promise<string> {
    return whole((await this.raw("metrics", {}, options)).text());
  }

  /** Ends all streams, and refuses the writes that wait. */
  close(): void {
    for (const one of this.#streams) one.close();
    this.#outbox?.close();
  }

  /** An operation that answers JSON or nothing. The agents' methods are these with types. */
  async json<O extends OperationName>(name: O, brought: Brought, options: Options<O>): Promise<Answer<O>> {
    const call = this.#call(name, brought, options);
    const { writes, upload } = OPERATIONS[name];
    const { key, signal } = call;
    const queued = writes && !upload ? this.#outbox : null;
    const read = async (response: Response): Promise<Answer<O>> =>
      (response.status === 204 ? undefined : await response.json()) as Answer<O>;
    if (queued === null || key === undefined) return answered(this.#way, call, read);
    return queued.write(() => answered(this.#way, { ...call, once: true }, read), { key, signal });
  }

  /** An operation whose answer is read by the caller. A try is over when its head is there. */
  raw<O extends OperationName>(name: O, brought: Brought, options: Options<O>): Promise<Response> {
    return answered(this.#way, { ...this.#call(name, brought, options), streams: true }, async (response) => response);
  }

  /** Whether something answers there, whatever it says. */
  async #reached(): Promise<boolean> {
    const asked = { ...this.#call("health", {}, {}), once: true };
    return answered({ ...this.#way, tries: 1 }, asked, () => Promise.resolve(true)).catch((error) => error instanceof ProblemError);
  }

  #call(name: OperationName, { path = {}, json, upload }: Brought, options: CallOptions & object): Call {
    const operation = OPERATIONS[name];
    const headers: Record<string, string> = {};
    const content = upload ?? (json === undefined ? undefined : { body: JSON.stringify(json), media: "application/json" });
    if (content !== undefined) headers["Content-Type"] = content.media;
    if (options.requestId !== undefined) headers["X-Request-ID"] = options.requestId;
    const named = operation.writes && (!operation.upload || name === "importArchive"); // other files are known by what they hold
    const key = options.idempotencyKey ?? (named ? uniqueKey() : undefined);
    if (key !== undefined) headers["Idempotency-Key"] = key;
    return {
      method: operation.method,
      path: addressed(operation.path, path, operation.query, options),
      headers,
      ...(content === undefined ? {} : { body: content.body }),
      ...(operation.writes && key !== undefined ? { key } : {}),
      timeoutMs: options.timeoutMs ?? this.#timeoutMs,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    };
  }
}

/**
 * One after the other of what an operation lists in pages.
 *
 * `for await (const memory of every((cursor) => alice.listMemories({ cursor }))) …`
 */
export async function* every<T>(
  page: (cursor: string | null) => Promise<{ items: T[]; next: string | null }>,
): AsyncGenerator<T, void, undefined> {
  let cursor: string | null = null;
  do {
    const found: { items: T[]; next: string | null } = await page(cursor);
    yield* found.items;
    cursor = found.next;
  } while (cursor !== null);
}

/** A name as a part of a path. One that every client takes for a step of the path is refused. */
function segment(name: string): string {
  if (name === "." || name === "..") throw new TypeError(`${name} is no name that can be asked for by a URL`);
  return encodeURIComponent(name);
}

/** The path with its values in it, and the query. */
function addressed(path: string, values: Record<string, string>, query: readonly string[], options: object): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => segment(values[name] ?? ""));
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(options))
    if (query.includes(name))
      for (const one of Array.isArray(value) ? value : [value])
        if (one !== undefined && one !== null) asked.append(name, String(one));
  const said = asked.toString();
  return said === "" ? filled : `${filled}?${said}`;
}
