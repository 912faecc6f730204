/** One request and its retries. Knows HTTP, and nothing of operations. */

import { ConnectionFailed, errorOf, OutcomeUnknown, ProblemError, TimedOut, Unavailable } from "./errors.js";
import { type Backoff, sleep, waitMs } from "./retries.js";

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;
/** A key or token, or what gives the one that is valid now; nothing where the server asks for none. */
export type Credential = string | (() => string | Promise<string>) | undefined;

export interface Call {
  method: string;
  /** Path and query. */
  path: string;
  headers: Record<string, string>;
  body?: BodyInit;
  timeoutMs: number;
  signal?: AbortSignal;
  /** What makes a write the same however often it is sent. */
  key?: string;
  /** Whether it is for someone else to come back when there is no connection. */
  once?: boolean;
  /** Whether `read` takes the head alone: the signal then goes on to end the body, and the time is that of the head. */
  streams?: boolean;
}

export interface Way {
  url: string;
  credential: Credential;
  fetch: Fetch;
  /** Times that something is tried at most. */
  tries: number;
  backoff: Backoff;
  /** A `Retry-After` that is longer is not waited for. */
  mostRetryAfterMs: number;
}

/**
 * The good answer to a request, as `read` takes it in.
 *
 * Throws: ProblemError, ConnectionFailed, TimedOut; when the signal ends it, its reason, or OutcomeUnknown of a write that was sent.
 */
export async function answered<T>(way: Way, call: Call, read: (response: Response) => Promise<T>): Promise<T> {
  call.signal?.throwIfAborted();
  for (let tries = 1; ; tries += 1) {
    try {
      return await once(way, call, read);
    } catch (error) {
      if (call.signal?.aborted && !(error instanceof ProblemError)) throw aborted(call);
      if (tries >= way.tries || !again(call, error)) throw error;
      const told = error instanceof ProblemError ? error.retryAfterMs : null;
      if (told !== null && told > way.mostRetryAfterMs) throw error;
      await sleep(Math.max(told ?? 0, waitMs(way.backoff, tries)), call.signal).catch(() => undefined);
      if (call.signal?.aborted) throw aborted(call);
    }
  }
}

/** What a call is rejected with that was sent, and that its signal ended. */
function aborted({ key, signal }: Call): unknown {
  return key !== undefined ? new OutcomeUnknown(key, signal?.reason) : signal?.reason;
}

/** Whether it makes sense to send the same again: doing it twice is doing it once. A body that is a stream is gone. */
function again(call: Call, error: unknown): boolean {
  if (call.body instanceof ReadableStream) return false;
  if (error instanceof ConnectionFailed) return call.once !== true;
  return error instanceof TimedOut || error instanceof Unavailable;
}

async function once<T>(way: Way, call: Call, read: (response: Response) => Promise<T>): Promise<T> {
  const token = typeof way.credential === "function" ? await way.credential() : way.credential;
  const headers = token === undefined ? call.headers : { ...call.headers, Authorization: `Bearer ${token}` };
  const ending = new AbortController();
  const late = new TimedOut(`${call.method} ${call.path}: no answer within ${call.timeoutMs} ms`);
  const timer = setTimeout(() => ending.abort(late), call.timeoutMs);
  const over = (): void => ending.abort(call.signal?.reason);
  call.signal?.addEventListener("abort", over, { once: true });
  const init: RequestInit = { method: call.method, headers, signal: ending.signal, redirect: "error" };
  if (call.body !== undefined) init.body = call.body;
  try {
    const response = await way.fetch(way.url + call.path, init);
    if (!response.ok) throw await errorOf(response);
    return await read(response);
  } catch (error) {
    throw reasonOf(call, ending.signal, error);
  } finally {
    clearTimeout(timer);
    if (call.streams !== true) call.signal?.removeEventListener("abort", over);
  }
}

/** What went wrong in words of this package: platforms say it each in their own. */
function reasonOf(call: Call, ended: AbortSignal, error: unknown): unknown {
  if (ended.aborted) return ended.reason;
  return failed(`${call.method} ${call.path}`, error);
}

/** What platforms throw at a connection that fails as an error of this package; all else as it is. */
export function failed(what: string, error: unknown): unknown {
  const network = error instanceof DOMException && error.name === "NetworkError";
  if (!network && !(error instanceof TypeError)) return error;
  return new ConnectionFailed(`${what}: the connection failed`, { cause: error });
}
