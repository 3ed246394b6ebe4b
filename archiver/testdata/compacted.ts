import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { readArchive } from "../read/read_archive.ts";
import { type VerifiedStream, verifyStream } from "../verify/verify_stream.ts";
import { DAY_1, DAY_MS, entriesOf, range, type TestArchive, testArchive } from "./test_archive.ts";

/** An archive of two days, of which the archiver's lease knows; and what is asserted of it again and again. */
export interface SmallObjects extends AsyncDisposable {
  readonly pipeline: TestPipeline;
  readonly archive: TestArchive;
  /** What is found of it, which must be that it is whole. */
  verify(): Promise<VerifiedStream>;
  /** The positions that are read from it. */
  positions(): Promise<number[]>;
}

/** Makes one, of 60 positions a day, so many an object; in a database of its own, or in one whose leases are forgotten. */
export async function smallObjects(each = 10, on?: TestPipeline): Promise<SmallObjects> {
  await using cleanUp = new AsyncDisposableStack();
  const pipeline = on ?? cleanUp.use(await testPipeline());
  if (on !== undefined) await on.sql`TRUNCATE events.stream_lease, events.stream_retention`;
  const archive = cleanUp.use(await testArchive());
  const { sql, stream } = pipeline;
  for (const first of range(1, 120).filter((position) => position % each === 1)) {
    const day = first > 60 ? 1 : 0;
    await archive.put(entriesOf(first, first + each - 1, DAY_1 + day * DAY_MS + first * 1_000, stream));
  }
  await sql`INSERT INTO events.stream_lease (stream_name, role, checkpoint) VALUES
    (${stream}, 'archiver', ${`${DAY_1 + DAY_MS + 120_000}-120`})`;
  // The outbox was cleaned up since.
  await sql`INSERT INTO events.stream_retention (stream_name, trimmed_to, cleaned_to) VALUES (${stream}, 120, 120)`;
  const owned = cleanUp.move();
  return {
    pipeline,
    archive,
    verify: () => verifyStream({ store: archive.store, stream, sql }),
    positions: async () => {
      const entries = await Array.fromAsync(readArchive({ archive: archive.store, stream }));
      return entries.map(({ entryId }) => Number(entryId.split("-")[1]));
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
