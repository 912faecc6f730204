/** A memory for agents, over HTTP and WebSocket. */

export { Agent, type StreamAnswer } from "./agent.js";
export { type ClientOptions, every, QuantumMemory } from "./client.js";
export * from "./errors.js";
export type { Lines } from "./lines.js";
export { type Change, Documents, type Entry, Project, References, Rules, type Standing } from "./project.js";
export type { Backoff } from "./retries.js";
export type { Socket, SocketFactory } from "./socket.js";
export { type Channel, type Messages, MemoryStream, type StreamEvents, type StreamOptions } from "./stream.js";
export type { Credential, Fetch } from "./transport.js";
export type { Answer, Body, CallOptions, OperationName, Options, Query, Schemas, Upload } from "./types.js";
