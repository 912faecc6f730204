/** What happens to agents, as it happens, over as many connections as it takes. */

import { Connection, type End, type FromServer } from "./connection.js";
import { Closed, StreamRefused } from "./errors.js";
import { Feelings } from "./feelings.js";
import type { components } from "./generated/stream.js";
import { Progress } from "./progress.js";
import { type Backoff, sleep, waitMs } from "./retries.js";
import type { SocketFactory } from "./socket.js";
import type { Credential } from "./transport.js";

export type Messages = components["schemas"];
export type Channel = Messages["Subscribe"]["channels"][number];

export interface StreamOptions {
  /** Names of agents; all that may be seen when left out, also those that come to be. */
  agents?: string[];
  /** All three when left out. */
  channels?: Channel[];
  /** Of one branch alone. */
  branch?: string;
  /** Begin after a position, as `position` of a stream of before; from now on when left out. */
  after?: number;
  /** Whether what a slow reader was not told is asked for again, as it is when left out. */
  catchUp?: boolean;
  /** Whether to be told how many subscriptions cover each agent, when that changes. */
  presence?: boolean;
  /** How long a connection may take until the server greets, in milliseconds. 10 s when left out. */
  openMs?: number;
}

/** What a stream tells. */
export interface StreamEvents {
  emotional_update: Messages["EmotionalUpdate"];
  phase_transition: Messages["PhaseTransition"];
  memory_operation: Messages["MemoryOperation"];
  equation_evolution: Messages["EquationEvolution"];
  history: Messages["History"];
  /** This reader was too slow. With `catchUp` what it was not told comes later, in order. */
  lagging: Messages["Lagging"];
  /** More moods changed than are told: those that were left out are told when they change the next time. */
  snapshot: Messages["Snapshot"];
  /** With `presence`: how many subscriptions cover an agent that is named; of `*`, how many are to all. */
  presence: Messages["Presence"];
  /** It is told from here on, or again: everything after `position`. */
  connected: { position: number; resumed: boolean };
  /** A connection, or a try to get one, is over; the `tries`th without success in a row. The next one begins in `againMs`. */
  disconnected: { reason: string; tries: number; againMs: number; error: Error | null };
  /** The last event. Without an error somebody closed it here. */
  closed: { error: Error | null };
}

type Listener<E extends keyof StreamEvents> = (event: StreamEvents[E]) => void;
type Change = Messages["MemoryOperation" | "EquationEvolution" | "History"];

const PROTOCOL = "quantum-memory.v1";
const ID = "s";
const REVOKED = 4401;
/** Kinds of refusal that asking again does not change: who asks may not, what he asks does not fit, or it is not there. */
const FINAL: ReadonlySet<string> = new Set([
  "Denied", "Unauthenticated", "Forbidden",
  "InvalidInput", "EmptyText", "TooLong", "ShapeMismatch", "NotFinite", "OutOfRange", "InvalidValue", "ZeroMass",
  "UnknownLabels", "InvalidSettings", "UnreadableLine", "UnreadableEntry", "UnreadableFile", "UnsafeArchive", "KeysNotKept",
  "NotFound", "AgentNotFound", "PlaceNotFound", "BranchDeleted", "MemoryNotFound", "SkillNotFound", "EntryNotFound",
  "KeyNotFound", "BlockMissing", "RelationNotFound", "BackupNotFound",
  "UnsupportedVersion", "InvalidMessage", "protocol",
]);

/**
 * A subscription that outlives its connections: it goes on after the last position, with nothing left out and nothing twice.
 *
 * Moods are states: after a break it is told how an agent feels now, if that is not as it was.
 */
export class MemoryStream {
  /** Resolves when the server tells for the first time. Rejects if it never does: StreamRefused, Closed. */
  readonly started: Promise<void>;
  readonly #listeners = new Map<keyof StreamEvents, Set<Listener<never>>>();
  readonly #ending = new AbortController();
  readonly #feelings = new Feelings();
  readonly #progress: Progress;
  readonly #channels: Channel[];
  readonly #moods: boolean;
  #starting: { resolve: () => void; reject: (error: Error) => void } = { resolve: () => undefined, reject: () => undefined };
  #connection: Connection | null = null;
  #telling = false;
  #begun = false;
  #failures = 0;
  #againS = 0;
  #token: string | undefined;
  #refusedToken: string | undefined;

  constructor(
    private readonly url: string,
    private readonly credential: Credential,
    private readonly options: StreamOptions,
    private readonly backoff: Backoff,
    private readonly open: SocketFactory,
  ) {
    this.#progress = new Progress(options.after ?? null);
    this.#channels = options.channels ?? ["mood", "memories", "history"];
    this.#moods = this.#channels.includes("mood");
    this.started = new Promise((resolve, reject) => (this.#starting = { resolve, reject }));
    this.started.catch(() => undefined); // `closed` says it too, to whoever does not ask here
    void this.#run();
  }

  /**
   * Everything up to it was told, with moods also all of those: after it another stream can go on. Nothing before the first connection.
   *
   * With moods it rises with each heartbeat, and changes that were told beyond it come again to whoever goes on there.
   */
  get position(): number | null {
    return this.#moods ? this.#progress.whole : this.#progress.after;
  }

  /** Calls `listener` at each event of a kind. Returns what ends that. */
  on<E extends keyof StreamEvents>(event: E, listener: Listener<E>): () => void {
    const own = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, own.add(listener));
    return () => void own.delete(listener);
  }

  /** Ends it. */
  close(): void {
    if (this.#ending.signal.aborted) return;
    this.#finish(null);
  }

  async #run(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      const end = await this.#converse();
      if (this.#ending.signal.aborted) return;
      if (end.error instanceof StreamRefused && this.#isFinal(end.error)) return this.#finish(end.error);
      this.#failures += 1;
      const againMs = this.#againS * 1000 + waitMs(this.backoff, this.#failures);
      this.#tell("disconnected", { reason: end.reason, tries: this.#failures, againMs, error: end.error ?? null });
      await sleep(againMs, this.#ending.signal).catch(() => undefined);
    }
  }

  /** One connection, from its opening to its end. */
  async #converse(): Promise<End> {
    this.#telling = false;
    this.#againS = 0;
    try {
      this.#token = typeof this.credential === "function" ? await this.credential() : this.credential;
      const socket = await this.open(this.url, PROTOCOL);
      const features = this.options.presence === true ? ["snapshots", "presence"] : ["snapshots"];
      const hello = { type: "hello" as const, versions: [1], features, token: this.#token ?? null };
      this.#connection = new Connection(socket, hello, (message) => this.#hear(message), this.options.openMs ?? 10_000);
      if (this.#ending.signal.aborted) this.#connection.end({ reason: "closed" });
      const end = await this.#connection.ended;
      return end.code === REVOKED && !end.error ? refused("Unauthenticated", "the credential is not valid any more") : end;
    } catch (error) {
      return { reason: "no connection could be opened", error: error instanceof Error ? error : new Error(String(error)) };
    }
  }

  /** Whether a refusal is the end. One of a credential is not, if there is another one to try. */
  #isFinal(error: StreamRefused): boolean {
    if (error.kind !== "Unauthenticated" || typeof this.credential !== "function") return FINAL.has(error.kind);
    const same = this.#token === this.#refusedToken;
    this.#refusedToken = this.#token;
    return same;
  }

  /** With moods, a new connection goes on where all of them were told; what it tells again is known. */
  #subscribe(anew: boolean): void {
    this.#telling = false;
    const { agents = ["*"], branch = null } = this.options;
    const after = anew ? this.position : this.#progress.after;
    const restored = this.#progress.doubtful ? { all_moods: true } : {};
    this.#connection?.say({ type: "subscribe", id: ID, agents, channels: this.#channels, branch, after, ...restored });
  }

  #hear(message: FromServer): void {
    switch (message.type) {
      case "welcome":
        return this.#subscribe(true);
      case "subscribed":
        return this.#started(message.position);
      case "refused":
        this.#againS = message.retry_after_s ?? 0;
        return this.#connection?.end(refused(message.error, message.detail));
      case "closing":
        this.#againS = message.reconnect_after_s;
        if (this.#telling) this.#progress.upto(message.position);
        return;
      default:
        // What comes before `subscribed` is of the subscription that it takes the place of.
        if (this.#telling) this.#told(message);
    }
  }

  #started(position: number): void {
    const resumed = this.#begun;
    this.#progress.begin(position);
    this.#feelings.begin();
    this.#telling = this.#begun = true;
    this.#failures = 0;
    this.#refusedToken = undefined;
    this.#starting.resolve();
    this.#tell("connected", { position, resumed });
  }

  #told(message: FromServer): void {
    switch (message.type) {
      case "memory_operation":
      case "equation_evolution":
      case "history":
        return this.#change(message);
      case "emotional_update":
        for (const told of this.#feelings.told(message)) if (told) this.#tell(told.type, told);
        return;
      case "phase_transition":
        return this.#tell("phase_transition", message);
      case "heartbeat":
        return this.#progress.upto(message.position);
      case "lagging":
        return this.#lagging(message);
      case "snapshot":
        return message.complete ? undefined : this.#tell("snapshot", message);
      case "presence":
        return this.#tell("presence", message);
    }
  }

  #change(message: Change): void {
    if (this.#progress.isNew(message.position)) this.#tell(message.type, message);
  }

  #lagging(message: Messages["Lagging"]): void {
    if (message.upto < message.after) {
      this.#progress.back(message.upto);
      this.#feelings.begin();
    } else if (this.options.catchUp === false) this.#progress.skip(message.upto);
    else this.#subscribe(false);
    this.#tell("lagging", message);
  }

  #tell<E extends keyof StreamEvents>(kind: E, event: StreamEvents[E]): void {
    for (const listener of [...(this.#listeners.get(kind) ?? [])]) {
      try {
        (listener as Listener<E>)(event);
      } catch (error) {
        queueMicrotask(() => {
          throw error; // a listener's own fault is its own, and is not hidden
        });
      }
    }
  }

  #finish(error: Error | null): void {
    this.#ending.abort();
    this.#connection?.end({ reason: "closed" });
    this.#starting.reject(error ?? new Closed("the stream was closed"));
    this.#tell("closed", { error });
  }
}

function refused(kind: string, detail: string): End {
  return { reason: kind, error: new StreamRefused(kind, detail) };
}
