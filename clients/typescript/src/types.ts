/** What operations take and answer, read off the types that are made from the OpenAPI document. */

import type { OPERATIONS } from "./generated/operations.js";
import type { components, operations } from "./generated/rest.js";

export type Schemas = components["schemas"];
/** The operations of the document, by their ids. */
export type OperationName = keyof typeof OPERATIONS & keyof operations;

type Json<T> = T extends { content: { "application/json": infer Found } } ? Found : never;
type Good<O extends OperationName> = operations[O]["responses"][keyof operations[O]["responses"] & (200 | 201)];

/** The JSON that an operation takes; `never` where it takes none. */
export type Body<O extends OperationName> = operations[O] extends { requestBody?: infer B } ? Json<NonNullable<B>> : never;
/** The JSON that it answers; nothing where it answers 204. */
export type Answer<O extends OperationName> = [Good<O>] extends [never] ? void : Json<Good<O>>;
/** What may stand in its query. */
export type Query<O extends OperationName> = [NonNullable<operations[O]["parameters"]["query"]>] extends [never]
  ? object
  : NonNullable<operations[O]["parameters"]["query"]>;

/** What can be said of every call. */
export interface CallOptions {
  /** Ends the call: its promise is rejected with the signal's reason; that of a write that was sent with OutcomeUnknown, whose cause it is. */
  signal?: AbortSignal;
  /** How long one try may take, in milliseconds; `timeoutMs` of the client when left out. */
  timeoutMs?: number;
  /** A name for a write; one is made for each when left out, and kept over its retries. */
  idempotencyKey?: string;
  /** What the request is called in the server's logs and traces. */
  requestId?: string;
}

/** What can be said of an operation's call: its query and what can be said of every call. */
export type Options<O extends OperationName> = Query<O> & CallOptions;

/** What files and streams may be given as. All of it is in memory while it is sent, since it may be sent again. */
export type Upload = string | Blob | ArrayBuffer | Uint8Array<ArrayBuffer>;
