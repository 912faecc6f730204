/** One connection of the stream: says who asks, acknowledges what came, and ends when nothing comes any more. */

import type { components } from "./generated/stream.js";
import type { Socket } from "./socket.js";

export type FromServer = components["schemas"]["FromServer"];
type FromClient = components["schemas"]["FromClient"];

/** How a connection ended. */
export interface End {
  reason: string;
  /** The code of the WebSocket's end, where the server ended it. */
  code?: number;
  error?: Error;
}

const UNCOUNTED: ReadonlySet<string> = new Set(["welcome", "heartbeat", "closing"]);
/** Acknowledged is a quarter of the credit at once, and anything so soon. */
const ACK_MS = 200;
/** A server from which nothing came for so many heartbeats is gone. */
const MISSED = 2.5;

export class Connection {
  /** Resolves when the connection is over, whoever ended it. */
  readonly ended: Promise<End>;
  #resolve: (end: End) => void = () => undefined;
  #over = false;
  #received = 0;
  #acknowledged = 0;
  #credit = 4;
  #quietMs: number;
  #ack: ReturnType<typeof setTimeout> | undefined;
  #quiet: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly socket: Socket,
    hello: FromClient,
    private readonly hear: (message: FromServer) => void,
    /** How long the server's first answer may take. */
    openMs: number,
  ) {
    this.#quietMs = openMs;
    this.ended = new Promise((resolve) => (this.#resolve = resolve));
    socket.onopen = () => this.say(hello);
    socket.onmessage = ({ data }) => this.#hear(data);
    socket.onerror = () => undefined; // a close follows, which says as much as platforms tell
    socket.onclose = ({ code, reason }) => this.end({ reason: reason || "the connection broke", code });
    this.#listen();
  }

  say(message: FromClient): void {
    if (!this.#over) this.socket.send(JSON.stringify(message));
  }

  /** Ends it, without waiting for the other side. */
  end(end: End): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#ack);
    clearTimeout(this.#quiet);
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
    this.#resolve(end);
  }

  #hear(data: unknown): void {
    let message: FromServer;
    try {
      message = JSON.parse(String(data)) as FromServer;
    } catch (cause) {
      return this.end({ reason: "unreadable", error: new SyntaxError("the server sent no JSON", { cause }) });
    }
    this.#listen();
    if (message.type === "welcome") {
      this.#credit = message.credit;
      this.#quietMs = message.heartbeat_s * 1000 * MISSED;
      this.#listen();
    }
    this.hear(message);
    if (!UNCOUNTED.has(message.type)) this.#count();
  }

  #count(): void {
    if (this.#over) return;
    this.#received += 1;
    if (this.#received - this.#acknowledged >= this.#credit / 4) this.#acknowledge();
    else this.#ack ??= setTimeout(() => this.#acknowledge(), ACK_MS);
  }

  #acknowledge(): void {
    clearTimeout(this.#ack);
    this.#ack = undefined;
    this.#acknowledged = this.#received;
    this.say({ type: "ack", received: this.#received });
  }

  #listen(): void {
    clearTimeout(this.#quiet);
    if (this.#over) return;
    this.#quiet = setTimeout(() => this.end({ reason: `nothing came for ${this.#quietMs} ms` }), this.#quietMs);
  }
}
