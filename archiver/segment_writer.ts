import { type Entry, toJsonLine } from "@events-pipeline/common";
import { Buffer } from "node:buffer";
import { createHash, type Hash } from "node:crypto";
import { once } from "node:events";
import { createGzip, type Gzip } from "node:zlib";
import { CONTENT_ENCODING, CONTENT_TYPE, type Segment, segmentKey } from "./segment.ts";

/** So many bytes of lines may wait for the compression, which has a thread of its own, until more are added. */
const WAITING_BYTES = 1024 * 1024;

/**
 * Writes a segment piece by piece. What it holds is compressed already, but for about a megabyte.
 *
 * A writer that is not finished must be given up.
 */
export class SegmentWriter {
  readonly #stream: string;
  readonly #hash: Hash = createHash("sha256");
  readonly #gzip: Gzip;
  readonly #ended: Promise<void>;
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;
  #count = 0;
  #first = "";
  #last = "";

  /**
   * Begins a segment.
   *
   * @param stream the stream that its entries are of
   * @param level how hard it is compressed, from 1 to 9
   */
  constructor(stream: string, level: number = 6) {
    this.#stream = stream;
    this.#gzip = createGzip({ level, chunkSize: 128 * 1024, writableHighWaterMark: WAITING_BYTES } as object);
    this.#ended = new Promise((resolve, reject) => {
      this.#gzip.on("data", (chunk: Uint8Array) => {
        this.#chunks.push(chunk);
        this.#bytes += chunk.length;
      });
      this.#gzip.on("end", resolve);
      this.#gzip.on("error", reject);
    });
    this.#ended.catch(() => {}); // Whoever adds or finishes is told.
  }

  /** How many entries it has. */
  get count(): number {
    return this.#count;
  }

  /** The id of its first entry; empty when it has none. */
  get first(): string {
    return this.#first;
  }

  /** Adds entries behind those that it has. Resolves when it may be given more. */
  async add(entries: readonly Entry[]): Promise<void> {
    if (entries.length === 0) return;
    let text = "";
    for (const entry of entries) text += toJsonLine(entry) + "\n";
    const lines = Buffer.from(text);
    if (this.#count === 0) this.#first = entries[0]!.entryId;
    this.#last = entries.at(-1)!.entryId;
    this.#count += entries.length;
    this.#hash.update(lines);
    if (!this.#gzip.write(lines)) await Promise.race([once(this.#gzip, "drain"), this.#ended]);
  }

  /** Ends it, and gives it. */
  async finish(): Promise<Segment> {
    this.#gzip.end();
    await this.#ended;
    const body = new Uint8Array(this.#bytes);
    let at = 0;
    for (const chunk of this.#chunks) {
      body.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks.length = 0;
    const [first, last] = [this.#first, this.#last];
    return {
      record: {
        ...{ first, last, count: this.#count, sha256: this.#hash.digest("hex") },
        ...{ contentType: CONTENT_TYPE, contentEncoding: CONTENT_ENCODING },
      },
      key: segmentKey(this.#stream, first, last),
      body,
    };
  }

  /** Lets go of it. */
  giveUp(): void {
    this.#gzip.destroy();
  }
}

/** Writes entries as a segment. The same entries always give the same record. */
export async function makeSegment(stream: string, entries: readonly Entry[]): Promise<Segment> {
  const writer = new SegmentWriter(stream);
  await writer.add(entries);
  return await writer.finish();
}
