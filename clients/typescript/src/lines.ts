/** JSON lines, out and in. */

export type Lines<T> = Iterable<T> | AsyncIterable<T>;

/** All of it as one body: browsers send no stream that is not yet whole, and what is sent again has to be there. */
export async function jsonLines(values: Lines<unknown>): Promise<string> {
  const lines: string[] = [];
  for await (const value of values) lines.push(`${JSON.stringify(value)}\n`);
  return lines.join("");
}

/** The lines of an answer while it comes. Throws the signal's reason when it is aborted. */
export async function* linesOf(response: Response, signal?: AbortSignal): AsyncGenerator<string, void, undefined> {
  const reader = (response.body ?? new Blob([]).stream()).pipeThrough(new TextDecoderStream()).getReader();
  const over = (): void => void reader.cancel(signal?.reason);
  signal?.addEventListener("abort", over, { once: true });
  let rest = "";
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const lines = (rest + part.value).split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
    signal?.throwIfAborted();
    if (rest !== "") yield rest;
  } finally {
    signal?.removeEventListener("abort", over);
    await reader.cancel();
  }
}
