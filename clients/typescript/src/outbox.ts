/**
 * Writes that wait for a connection, in the order in which they were made.
 *
 * Holds them in memory, and no more than it may. A write that was sent and found no connection keeps its place by when it was
 * made; what is made while others wait waits behind them. Its promise is settled when it was answered, or given up here: never
 * while it is being sent, and never with a word that it was not done where it may have been.
 */

import { Closed, ConnectionFailed, type GivenUp, OutcomeUnknown, QueueFull } from "./errors.js";
import { type Backoff, sleep, waitMs } from "./retries.js";

/** How a write is called, and what ends it. */
interface Named {
  key: string;
  signal?: AbortSignal | undefined;
}

interface Bounds {
  /** Writes that may wait. */
  most: number;
  /** How often a write may fail while the server can be reached otherwise. */
  tries: number;
}

interface Waiting extends GivenUp {
  number: number;
  /** Whether it is being sent now. */
  underWay: boolean;
  /** How often it failed although the server could be reached. */
  failures: number;
  send: () => Promise<unknown>;
  resolve: (value: unknown) => undefined;
  reject: (error: unknown) => void;
}

export class Outbox {
  #number = 0;
  readonly #underWay = new Set<number>();
  readonly #queue: Waiting[] = [];
  #flushing = false;
  #wake = new AbortController();
  #closed = false;

  constructor(
    private readonly bounds: Bounds,
    private readonly backoff: Backoff,
    /** Whether the server answers anything at all. */
    private readonly reached: () => Promise<boolean>,
  ) {}

  /** How many writes wait. */
  get size(): number {
    return this.#queue.length;
  }

  /**
   * Sends a write, or lets it wait.
   *
   * Rejects with what `send` rejects with but for ConnectionFailed; QueueFull, Closed, OutcomeUnknown, the signal's reason.
   */
  async write<T>(send: () => Promise<T>, named: Named): Promise<T> {
    if (this.#closed) throw new Closed("the client was closed");
    const number = this.#number++;
    if (this.#queue.length > 0) return this.#wait(number, send, named, false);
    this.#underWay.add(number);
    try {
      const answer = await send();
      this.wake();
      return answer;
    } catch (error) {
      if (!(error instanceof ConnectionFailed)) throw error;
      return this.#wait(number, send, named, true);
    } finally {
      this.#underWay.delete(number);
    }
  }

  /** There may be a connection again: try now. */
  wake(): void {
    this.#wake.abort();
  }

  /** Refuse all that waits. What is being sent is answered, if it is answered at once. */
  close(): void {
    this.#closed = true;
    for (const one of this.#queue.filter(({ underWay }) => !underWay)) this.#refuse(one, closed(one));
    this.wake();
  }

  #wait<T>(number: number, send: () => Promise<T>, { key, signal }: Named, sent: boolean): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const over = (): void => {
        if (!one.underWay) this.#refuse(one, ended(one, signal?.reason)); // else `send`, which has the signal, says it
      };
      const one: Waiting = {
        number,
        idempotencyKey: key,
        sent,
        underWay: false,
        failures: 0,
        send,
        resolve: (value) => void (signal?.removeEventListener("abort", over), resolve(value as T)),
        reject: (error) => (signal?.removeEventListener("abort", over), reject(error)),
      };
      if (this.#closed) return reject(closed(one));
      if (signal?.aborted) return reject(ended(one, signal.reason));
      const place = this.#queue.findIndex((other) => other.number > number);
      this.#queue.splice(place < 0 ? this.#queue.length : place, 0, one);
      signal?.addEventListener("abort", over, { once: true });
      if (this.#queue.length > this.bounds.most) this.#makeRoom();
      void this.#flush();
    });
  }

  /** Refuses the oldest that is not being sent. */
  #makeRoom(): void {
    const oldest = this.#queue.find(({ underWay }) => !underWay);
    if (oldest !== undefined) this.#refuse(oldest, new QueueFull(`more than ${this.bounds.most} writes wait`, oldest));
  }

  #refuse(one: Waiting, error: unknown): void {
    this.#leave(one);
    one.reject(error);
  }

  #leave(one: Waiting): void {
    const place = this.#queue.indexOf(one);
    if (place >= 0) this.#queue.splice(place, 1);
  }

  /** Sends the oldest until there is none. */
  async #flush(): Promise<void> {
    if (this.#flushing) return;
    this.#flushing = true;
    let failures = 1;
    while (this.#queue.length > 0) {
      await this.#pause(waitMs(this.backoff, failures));
      failures = (await this.#sendAll()) ? 1 : failures + 1;
    }
    this.#flushing = false;
  }

  /** Sends one after the other. Whether there is a connection. */
  async #sendAll(): Promise<boolean> {
    for (let one = this.#queue[0]; one !== undefined; one = this.#queue[0]) {
      if (this.#isBehind(one)) return true;
      one.sent = one.underWay = true;
      const failure = await one.send().then(one.resolve, (error: unknown) => ({ error }));
      one.underWay = false;
      if (failure?.error instanceof ConnectionFailed && !(await this.#isHopeless(one))) return false;
      if (failure) one.reject(failure.error instanceof ConnectionFailed ? this.#end(one, failure.error) : failure.error);
      this.#leave(one);
    }
    return true;
  }

  /** Whether a write whose connection failed is not to be sent again: it fails, and not for want of a server. */
  async #isHopeless(one: Waiting): Promise<boolean> {
    if (!this.#closed && (await this.reached())) one.failures += 1;
    return this.#closed || one.failures >= this.bounds.tries;
  }

  #end(one: Waiting, error: ConnectionFailed): Error {
    return this.#closed ? closed(one) : new OutcomeUnknown(one.idempotencyKey, error);
  }

  /** Whether one that was made before is still being tried, and may yet come to wait. */
  #isBehind(one: Waiting): boolean {
    return [...this.#underWay].some((number) => number < one.number);
  }

  async #pause(ms: number): Promise<void> {
    this.#wake = new AbortController();
    await sleep(ms, this.#wake.signal).catch(() => undefined);
  }
}

function ended(one: GivenUp, reason: unknown): unknown {
  return one.sent ? new OutcomeUnknown(one.idempotencyKey, reason) : reason;
}

function closed({ sent, idempotencyKey }: GivenUp): Closed {
  const when = sent ? "before this write was answered" : "before this write was sent";
  return new Closed(`the client was closed ${when}`, { sent, idempotencyKey });
}
