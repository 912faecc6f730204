// The stream of one agent, and how it stands, in words.

import type { Channel, StreamEvents } from "quantum-memory-client";
import { useEffect, useRef, useState } from "preact/hooks";

import type { Session } from "../session.js";

export interface Live {
  state: "connecting" | "live" | "broken" | "closed";
  says: string;
}

/** What the views want to hear of. */
export interface Ears {
  mood?: (told: StreamEvents["emotional_update"]) => void;
  /** Memories, branches or checkpoints changed. */
  changed?: () => void;
}

const CHANNELS: readonly Channel[] = ["mood", "memories", "history"];
/** Changes that come together are one; and however many come, no more than one in this time is passed on. */
const SOON_MS = 100;
const AGAIN_MS = 1_000;

/** Be told of an agent as long as this is shown. */
export function useLive(session: Session, agent: string, ears: Ears): Live {
  const [live, setLive] = useState<Live>({ state: "connecting", says: "Connecting" });
  const heard = useRef(ears);
  heard.current = ears;
  useEffect(() => {
    const channels = CHANNELS.filter((one) => session.caller.channels.includes(one));
    if (channels.length === 0) return setLive({ state: "closed", says: "Not live: this key may follow no channel" });
    const stream = session.client.stream({ agents: [agent], channels });
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last = 0;
    const soon = (): void => {
      timer ??= setTimeout(() => {
        timer = undefined;
        last = Date.now();
        heard.current.changed?.();
      }, Math.max(SOON_MS, last + AGAIN_MS - Date.now()));
    };
    setLive({ state: "connecting", says: "Connecting" });
    stream.on("connected", ({ resumed }) => {
      setLive({ state: "live", says: "Live" });
      if (resumed) soon();
    });
    stream.on("disconnected", ({ againMs }) =>
      setLive({ state: "broken", says: `Not connected; trying again in ${Math.max(1, Math.ceil(againMs / 1000))} s` }),
    );
    stream.on("closed", ({ error }) => setLive({ state: "closed", says: error === null ? "Closed" : `Closed: ${error.message}` }));
    stream.on("emotional_update", (told) => {
      heard.current.mood?.(told);
      soon(); // what is felt is an event of the history too
    });
    for (const kind of ["memory_operation", "history", "equation_evolution"] as const) stream.on(kind, soon);
    return () => {
      clearTimeout(timer);
      stream.close();
    };
  }, [session, agent]);
  return live;
}
