import { assert } from "@std/assert";
import { freePort } from "./free_port.ts";

Deno.test("freePort() offers a port below the ephemeral ones that can be listened on", () => {
  const port = freePort();
  assert(port >= 20_000 && port < 30_000);
  Deno.listen({ hostname: "127.0.0.1", port }).close();
});
