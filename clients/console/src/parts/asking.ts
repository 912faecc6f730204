// What is asked of the door, and how that stands: on its way, there, or refused.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

export interface Asked<T> {
  /** What came last; it stays while it is asked for again. */
  found: T | undefined;
  error: unknown;
  loading: boolean;
  /** Asks again. */
  again: () => void;
}

interface State<T> {
  key: string;
  found?: T;
  error?: unknown;
  loading: boolean;
}

/**
 * The answer to a question, which is asked again when `about` changes, and then nothing of before is shown; or when
 * `since` does, and then what was there stays until there is something newer.
 */
export function useAnswer<T>(ask: (signal: AbortSignal) => Promise<T>, about: readonly unknown[], since = 0): Asked<T> {
  const key = JSON.stringify(about);
  const [state, setState] = useState<State<T>>({ key, loading: true });
  const [turn, setTurn] = useState(0);
  const asking = useRef(ask);
  asking.current = ask;
  useEffect(() => {
    const ending = new AbortController();
    setState((before) => (before.key === key ? { ...before, loading: true } : { key, loading: true }));
    asking.current(ending.signal).then(
      (found) => !ending.signal.aborted && setState({ key, found, loading: false }),
      (error: unknown) => !ending.signal.aborted && setState((before) => ({ ...before, key, error, loading: false })),
    );
    return () => ending.abort();
  }, [key, turn, since]);
  const again = useCallback(() => setTurn((one) => one + 1), []);
  const own: State<T> = state.key === key ? state : { key, loading: true };
  return { found: own.found, error: own.error, loading: own.loading, again };
}

/** Something that is done when the person says so. */
export interface Doing {
  busy: boolean;
  error: unknown;
  run: (work: () => Promise<void>) => void;
}

export function useDoing(): Doing {
  const [state, setState] = useState<{ busy: boolean; error?: unknown }>({ busy: false });
  const there = useRef(true);
  useEffect(() => () => void (there.current = false), []);
  const run = (work: () => Promise<void>): void => {
    setState({ busy: true });
    work().then(
      () => there.current && setState({ busy: false }),
      (error: unknown) => there.current && setState({ busy: false, error }),
    );
  };
  return { busy: state.busy, error: state.error, run };
}
