/** Starts Redis through the `docker` on PATH, prints its URL, and stops it at the end of input. */
import { startDockerServer } from "../docker.ts";

await using server = await startDockerServer("redis");
console.log(server.url);
await Deno.stdin.read(new Uint8Array(1));
