/** WebSockets: the platform's, or those of `ws` where there are none, as in Node 20. */

/** What is needed of a WebSocket. */
export interface Socket {
  send(text: string): void;
  close(): void;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onerror: ((event: never) => void) | null;
}

/** Begins to open a connection with a subprotocol. */
export type SocketFactory = (url: string, protocol: string) => Promise<Socket>;

const OTHER = "ws";

export const openSocket: SocketFactory = async (url, protocol) => {
  if (typeof WebSocket !== "undefined") return new WebSocket(url, protocol) as Socket;
  // By a name that is known at run time alone, so that nothing that bundles for browsers asks for it.
  const module = (await import(/* webpackIgnore: true */ /* @vite-ignore */ OTHER)) as {
    WebSocket: new (url: string, protocol: string) => Socket;
  };
  return new module.WebSocket(url, protocol);
};
