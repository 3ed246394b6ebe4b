import type { Redis } from "ioredis";
import type { RedisScript } from "./redis.ts";
import { keyOfCommand } from "./redis_slots.ts";

/** A word of a command. */
export type RedisWord = string | number;

/** Something to be asked of one server, on one connection. */
export interface RedisRequest {
  /** For messages: the command, and its key if it has one. Nothing of the data. */
  title(): string;
  /** Sends it. May be called again, for another connection. */
  run(client: Redis): Promise<unknown>;
}

type Run = (...args: RedisWord[]) => Promise<unknown>;

/** One command. */
export function commandRequest(command: string, args: readonly RedisWord[]): RedisRequest {
  return {
    title() {
      const key = keyOfCommand(command, args);
      return key === undefined ? command : `${command} on ${key}`;
    },
    run: (client) => client.call(command, ...args),
  };
}

/** A Lua script on one key, by its hash where the server has it. */
export function scriptRequest(script: RedisScript, key: string, args: readonly RedisWord[]): RedisRequest {
  return {
    title: () => `the script ${script.name} on ${key}`,
    run(client) {
      const scripts = client as unknown as Record<string, Run | undefined>;
      if (scripts[script.name] === undefined) {
        client.defineCommand(script.name, { lua: script.lua, numberOfKeys: 1 });
      }
      return scripts[script.name]!(key, ...args);
    },
  };
}

/** A request to the node that is taking a slot over from another one: it answers only who says that he was sent. */
export function askingRequest(request: RedisRequest): RedisRequest {
  return {
    title: request.title,
    run(client) {
      client.call("ASKING").catch(() => {}); // What comes of it shows in the answer to the request.
      return request.run(client);
    },
  };
}
