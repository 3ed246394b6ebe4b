/** The text of a stream until it matches; the stream is left open, to be read on. */
export async function textUntil(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  pattern: RegExp,
): Promise<string> {
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  try {
    let text = "";
    while (!pattern.test(text)) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`The stream ended before ${pattern}, after: ${text}`);
      text += decoder.decode(value, { stream: true });
    }
    return text;
  } finally {
    reader.releaseLock();
  }
}

/** The two URLs that `up.ts` prints. */
export async function printedUrls(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): Promise<[databaseUrl: string, redisUrl: string]> {
  const text = await textUntil(stream, /\n.*\n/);
  const match = text.match(/^export DATABASE_URL=(\S+)\nexport REDIS_URL=(\S+)\n$/);
  if (!match) throw new Error(`Not two lines of export: ${text}`);
  return [match[1] ?? "", match[2] ?? ""];
}
