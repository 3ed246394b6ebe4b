import { assert, assertEquals } from "@std/assert";
import { childProcesses, isAlive } from "./child_processes.ts";

Deno.test("childProcesses() and isAlive() know a child until it has ended", async () => {
  const child = new Deno.Command("sleep", { args: ["60"] }).spawn();
  assert(childProcesses(Deno.pid).includes(child.pid));
  assert(isAlive(child.pid));
  child.kill("SIGKILL");
  await child.status;
  assert(!childProcesses(Deno.pid).includes(child.pid));
  assertEquals(isAlive(child.pid), false);
});
