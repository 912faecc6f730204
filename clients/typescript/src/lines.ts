/** JSON lines, out and in. */

import { failed } from "./transport.js";

export type Lines<T> = Iterable<T> | AsyncIterable<T>;

/** All of it as one body: browsers send no stream that is not yet whole, and what is sent again has to be there. */
export async function jsonLines(values: Lines<unknown>): Promise<string> {
  const lines: string[] = [];
  for await (const value of values) lines.push(`${JSON.stringify(value)}\n`);
  return lines.join("");
}

/** The lines of an answer while it comes. Throws: ConnectionFailed, the reason of the signal that it was asked with. */
export async function* linesOf(response: Response): AsyncGenerator<string, void, undefined> {
  const reader = (response.body ?? new Blob([]).stream()).pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (let part = await whole(reader.read()); !part.done; part = await whole(reader.read())) {
      const lines = (rest + part.value).split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
    if (rest !== "") yield rest;
  } finally {
    await reader.cancel().catch(() => undefined); // what broke was said already
  }
}

/** What is read of an answer. Throws: ConnectionFailed where the answer breaks off. */
export async function whole<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    throw failed("the answer", error);
  }
}
