/** What can go wrong, by what a caller would do about it. What the server answers is read from problem+json. */

import type { Schemas } from "./types.js";

export type Problem = Schemas["Problem"] & Record<string, unknown>;

/** Everything that this package throws on purpose. */
export class QuantumMemoryError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The server answered, and not what was asked for. `problem` is its answer, `kind` which error it is. */
export class ProblemError extends QuantumMemoryError {
  readonly kind: string;
  readonly status: number;
  readonly requestId: string | null;

  constructor(
    readonly problem: Problem,
    /** In how many milliseconds to ask again, where the server says so. */
    readonly retryAfterMs: number | null = null,
  ) {
    super(problem.detail);
    this.kind = problem.type.slice(problem.type.lastIndexOf("/") + 1);
    this.status = problem.status;
    this.requestId = problem.request_id;
  }
}

/** The request does not fit: 400, 413, 415, 422. */
export class InvalidInput extends ProblemError {}
/** The idempotency key named another request before. */
export class KeyReused extends InvalidInput {}
/** Nobody knows who asks: 401. */
export class Unauthenticated extends ProblemError {}
/** It is known who asks, and he may not: 403. */
export class Forbidden extends ProblemError {}
/** It is not there: 404. */
export class NotFound extends ProblemError {}
/** Somebody else was there first: 409. */
export class Conflict extends ProblemError {}
/** Not now: 408, 502, 503; any 5xx that is no problem+json, which something in between answers that has lost the server. */
export class Unavailable extends ProblemError {}
/** More was asked for than the caller's rate allows: 429. */
export class RateLimited extends Unavailable {}
/** The answer did not come in time, the server says: 504. */
export class DeadlineExceeded extends Unavailable {}
/** Something went wrong at the server: 500 and all else. */
export class ServerError extends ProblemError {}

/** There is no connection, or it broke before the answer was whole. Whether a write was done is not known. */
export class ConnectionFailed extends QuantumMemoryError {}
/** The answer did not come within `timeoutMs`. Whether a write was done is not known. */
export class TimedOut extends QuantumMemoryError {}
/** A write that was given up here before it was answered. */
export interface GivenUp {
  /** Whether it was sent: then nobody knows whether it was done. Otherwise it was not. */
  sent: boolean;
  /** The same call with this key does it if it was not done, and answers what it came to. */
  idempotencyKey: string;
}
/** A write that was sent was given up: `cause` says why. Whether it was done is not known. */
export class OutcomeUnknown extends QuantumMemoryError implements GivenUp {
  readonly sent = true;

  constructor(
    readonly idempotencyKey: string,
    cause: unknown,
  ) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(`${why}: whether the write was done is not known`, { cause });
  }
}
/** So many writes wait for a connection that the oldest of those that are not just being sent is refused. */
export class QueueFull extends QuantumMemoryError implements GivenUp {
  readonly sent: boolean;
  readonly idempotencyKey: string;

  constructor(message: string, write: GivenUp) {
    super(message);
    this.sent = write.sent;
    this.idempotencyKey = write.idempotencyKey;
  }
}
/** The client or stream was closed. `write` is what was given up with it. */
export class Closed extends QuantumMemoryError {
  constructor(
    message: string,
    readonly write: GivenUp | null = null,
  ) {
    super(message);
  }
}
/** The stream was refused; `kind` is the kind of error. */
export class StreamRefused extends QuantumMemoryError {
  constructor(
    readonly kind: string,
    detail: string,
  ) {
    super(detail);
  }
}

/** The type of what is no problem+json. */
const UNKNOWN = "/problems/unknown";
/** What something in between answers for good, however often it is asked. */
const FINAL: readonly number[] = [501, 505, 511];

const BY_STATUS: Record<number, typeof ProblemError> = {
  400: InvalidInput,
  401: Unauthenticated,
  403: Forbidden,
  404: NotFound,
  408: Unavailable,
  409: Conflict,
  413: InvalidInput,
  415: InvalidInput,
  422: InvalidInput,
  429: RateLimited,
  502: Unavailable,
  503: Unavailable,
  504: DeadlineExceeded,
};

/** The error that an answer is. What is no problem+json, as of a proxy in between, is told by its status alone. */
export async function errorOf(response: Response): Promise<ProblemError> {
  const problem = problemOf(await response.text(), response);
  const lost = problem.status >= 500 && problem.type === UNKNOWN && !FINAL.includes(problem.status);
  const other = lost ? Unavailable : ServerError;
  const kind = problem.type.endsWith("/key-reused") ? KeyReused : (BY_STATUS[problem.status] ?? other);
  return new kind(problem, retryAfterMs(response.headers.get("Retry-After")));
}

/** `Retry-After` in milliseconds: it holds seconds or a date. */
export function retryAfterMs(said: string | null, nowMs: number = Date.now()): number | null {
  if (said === null || said.trim() === "") return null;
  const seconds = Number(said);
  const waitMs = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(said) - nowMs;
  return Number.isNaN(waitMs) ? null : Math.max(0, waitMs);
}

function problemOf(text: string, response: Response): Problem {
  const told = response.headers.get("Content-Type")?.startsWith("application/problem+json") ? parsed(text) : null;
  const title = response.statusText || `Status ${response.status}`;
  return {
    type: UNKNOWN,
    title,
    detail: title,
    request_id: response.headers.get("X-Request-ID"),
    ...told,
    status: response.status,
  };
}

function parsed(text: string): Partial<Problem> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && !Array.isArray(value) ? (value as Partial<Problem> | null) : null;
  } catch {
    return null;
  }
}
