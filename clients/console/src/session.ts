// Who the person is to the door: a key, kept for this tab alone, and the client that goes with it.

import { QuantumMemory, type Schemas, Unauthenticated } from "quantum-memory-client";

type Caller = Schemas["CallerTold"];
type Role = Caller["role"];

/** Somebody whom the door knows. */
export interface Session {
  client: QuantumMemory;
  caller: Caller;
  /** Whether a key was given, which can be put away again. */
  keyed: boolean;
}

const KEPT = "quantum-memory.key";
const ROLES: readonly Role[] = ["reader", "writer", "admin"];
/** A person sees that it does not work, and when to try again; what waits longer is not waited for behind his back. */
const CLIENT = { tries: 3, mostRetryAfterMs: 2_000, timeoutMs: 30_000 };

/** The session of a key, or without one. Throws: what the door refuses it with. */
export async function opened(key: string | null, signal?: AbortSignal): Promise<Session> {
  const client = new QuantumMemory(location.origin, key === null ? CLIENT : { ...CLIENT, key });
  const caller = await client.readCaller(signal === undefined ? {} : { signal });
  if (key !== null) sessionStorage.setItem(KEPT, key);
  return { client, caller, keyed: key !== null };
}

/** The session that this tab had, or one without a key; nothing where the door asks for one. */
export async function resumed(signal: AbortSignal): Promise<Session | null> {
  try {
    return await opened(sessionStorage.getItem(KEPT), signal);
  } catch (error) {
    if (!(error instanceof Unauthenticated)) throw error;
    sessionStorage.removeItem(KEPT);
    return null;
  }
}

export function forgotten(session: Session | null): void {
  sessionStorage.removeItem(KEPT);
  session?.client.close();
}

/** Whether a role is enough for what takes another. */
export function may(caller: Caller, role: Role): boolean {
  return ROLES.indexOf(caller.role) >= ROLES.indexOf(role);
}
