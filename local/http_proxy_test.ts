import { assertEquals } from "@std/assert";
import { createServer } from "node:http";
import { startHttpProxy } from "./http_proxy.ts";

Deno.test("startHttpProxy() lets requests through as they are, and answers in the server's place where its rule says so", async () => {
  const server = createServer(async (request, response) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = chunks.map((chunk) => new TextDecoder().decode(chunk)).join("");
    response.writeHead(201, { "x-seen": String(request.headers["x-told"]) }).end(
      `${request.method} ${request.url} ${text}`,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await using proxy = await startHttpProxy(`http://127.0.0.1:${port}`);
  const put = async (path: string): Promise<[number, string | null, string]> => {
    const response = await fetch(proxy.url + path, { method: "PUT", body: "body", headers: { "x-told": "1" } });
    return [response.status, response.headers.get("x-seen"), await response.text()];
  };
  assertEquals(await put("/a?b=c"), [201, "1", "PUT /a?b=c body"]);
  proxy.rule = ({ path, method }) =>
    path === "/no" ? { status: 503, body: method, headers: { "x-seen": "2" } } : undefined;
  assertEquals([await put("/no"), (await put("/yes"))[0]], [[503, "2", "PUT"], 201]);
  assertEquals(proxy.requests.map(({ path, body }) => [path, body.length]), [["/a?b=c", 4], ["/no", 4], ["/yes", 4]]);
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
});
