import { PutObjectCommand } from "@aws-sdk/client-s3";
import { testBucket } from "@events-pipeline/local/test_bucket";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { assertEquals } from "@std/assert";
import { listStreams } from "../archived_segments.ts";
import { compactStream } from "../compact/compact_stream.ts";
import { openS3Store } from "../s3_store.ts";
import { makeSegment } from "../segment_writer.ts";
import { DAY_1, DAY_MS, entriesOf, positionsIn, range } from "../testdata/test_archive.ts";
import { verifyArchive } from "../verify/verify_archive.ts";
import { readArchive } from "./read_archive.ts";

Deno.test("an archive in S3 is listed from a date on, read, compacted, and verified by its objects' metadata", async () => {
  await using pipeline = await testPipeline();
  using bucket = await testBucket();
  const { sql, stream } = pipeline;
  const store = openS3Store(bucket.bucket, "some/prefix", bucket.options);
  const gets: string[] = [];
  const counted = { ...store, get: (key: string) => (gets.push(key), store.get(key)) };
  try {
    for (const name of [stream, "stream:z:events"]) {
      for (let first = 1; first <= 90; first += 15) {
        const ms = DAY_1 + Math.floor((first - 1) / 30) * DAY_MS + first * 1_000;
        const { key, body, record } = await makeSegment(name, entriesOf(first, first + 14, ms, name));
        await store.put(key, body, record);
      }
    }
    assertEquals(await Array.fromAsync(listStreams(store)), [stream, "stream:z:events"]);
    const after = new Date(DAY_1 + 2 * DAY_MS);
    assertEquals(positionsIn(await Array.fromAsync(readArchive({ archive: counted, stream, after }))), range(61, 90));
    assertEquals(gets.length, 2);

    await sql`INSERT INTO events.stream_lease (stream_name, role, checkpoint) VALUES (${stream}, 'archiver', ${`${
      DAY_1 + 3 * DAY_MS
    }-90`})`;
    assertEquals((await compactStream({ sql, store, stream })).into, 3);
    assertEquals(positionsIn(await Array.fromAsync(readArchive({ archive: store, stream }))), range(1, 90));
    const verify = async () => (await Array.fromAsync(verifyArchive({ store, streams: [stream] })))[0]!;
    const { segments, events, faults } = await verify();
    assertEquals([segments, events, faults], [3, 90, []]);

    // The lines are right, and not those that are recorded beside them.
    const ms = DAY_1 + DAY_MS + 31_000;
    const { key, body } = await makeSegment(stream, [
      ...entriesOf(31, 45, ms, stream),
      ...entriesOf(46, 60, ms + 15_000, stream),
    ]);
    await bucket.client.send(
      new PutObjectCommand({
        ...{ Bucket: bucket.bucket, Key: `some/prefix/${key}`, Body: body },
        Metadata: { sha256: "0".repeat(64), count: "30" },
      }),
    );
    assertEquals((await verify()).faults.map(({ first, last, detail }) => [first, last, detail]), [
      [31, 60, "its SHA-256 is not the recorded one"],
    ]);
  } finally {
    store.close();
  }
});
