/** How often and how soon something is tried again. */

export interface Backoff {
  /** The longest wait before the second try; it doubles with each further one. */
  firstMs: number;
  /** The longest wait at all. */
  mostMs: number;
  /** In [0, 1); what decides between half of a wait and all of it. */
  random: () => number;
}

export const BACKOFF: Backoff = { firstMs: 250, mostMs: 15_000, random: Math.random };

/** How long to wait after the `tries`th failure in a row: half of it is fixed, the rest is chance. */
export function waitMs(backoff: Backoff, tries: number): number {
  const most = Math.min(backoff.mostMs, backoff.firstMs * 2 ** Math.min(tries - 1, 30));
  return (most / 2) * (1 + backoff.random());
}

/** Waits. Rejects with the signal's reason when it is aborted. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const over = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", over);
      resolve();
    }, ms);
    signal?.addEventListener("abort", over, { once: true });
  });
}

/** A name that nobody else makes: 128 bits of chance. */
export function uniqueKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
