/**
 * Writes that wait for a connection, in the order in which they were made.
 *
 * Holds them in memory, and no more than it may. A write that was sent and found no connection keeps its place by when it was
 * made; what is made while others wait waits behind them. Its promise is settled when it was answered, or refused here.
 */

import { Closed, ConnectionFailed, QueueFull } from "./errors.js";
import { type Backoff, sleep, waitMs } from "./retries.js";

interface Waiting {
  number: number;
  send: () => Promise<unknown>;
  resolve: (value: unknown) => void;
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
    /** Writes that may wait. */
    readonly most: number,
    private readonly backoff: Backoff,
  ) {}

  /** How many writes wait. */
  get size(): number {
    return this.#queue.length;
  }

  /** Sends a write, or lets it wait. Rejects with what `send` rejects with but for ConnectionFailed; QueueFull, Closed. */
  async write<T>(send: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#closed) throw new Closed("the client was closed");
    const number = this.#number++;
    if (this.#queue.length > 0) return this.#wait(number, send, signal);
    this.#underWay.add(number);
    try {
      const answer = await send();
      this.wake();
      return answer;
    } catch (error) {
      if (!(error instanceof ConnectionFailed)) throw error;
      return this.#wait(number, send, signal);
    } finally {
      this.#underWay.delete(number);
    }
  }

  /** There may be a connection again: try now. */
  wake(): void {
    this.#wake.abort();
  }

  /** Refuse all that waits. */
  close(): void {
    this.#closed = true;
    for (const one of this.#queue.splice(0)) one.reject(new Closed("the client was closed before this write was sent"));
    this.wake();
  }

  #wait<T>(number: number, send: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#closed) return reject(new Closed("the client was closed before this write was sent"));
      if (signal?.aborted) return reject(signal.reason);
      const over = (): void => this.#refuse(one, signal?.reason);
      const one: Waiting = {
        number,
        send,
        resolve: (value) => (signal?.removeEventListener("abort", over), resolve(value as T)),
        reject: (error) => (signal?.removeEventListener("abort", over), reject(error)),
      };
      const place = this.#queue.findIndex((other) => other.number > number);
      this.#queue.splice(place < 0 ? this.#queue.length : place, 0, one);
      signal?.addEventListener("abort", over, { once: true });
      if (this.#queue.length > this.most) this.#refuse(this.#queue[0], new QueueFull(`more than ${this.most} writes wait`));
      void this.#flush();
    });
  }

  #refuse(one: Waiting | undefined, error: unknown): void {
    if (one === undefined) return;
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
      try {
        one.resolve(await one.send());
      } catch (error) {
        if (error instanceof ConnectionFailed && this.#queue.includes(one)) return false;
        one.reject(error);
      }
      this.#leave(one);
    }
    return true;
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
