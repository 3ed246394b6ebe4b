import { Redis } from "ioredis";

type Command = Parameters<Redis["sendCommand"]>[0];

/** What was sent, and how to give it up. */
export interface Sending<T> {
  /** What the function returned that has sent it. */
  readonly result: T;
  /** What has not been sent yet, or is to be sent again on another connection, is not. */
  revoke(): void;
}

/**
 * A client that sends nothing for callers who have given up.
 *
 * ioredis keeps the commands of a lost connection and sends them again on the next one, also those for whose answer nobody waits any
 * more. A server that is slow to take large commands would be given all that were ever tried, and become slower still.
 */
export class RevocableRedis extends Redis {
  readonly #revoked = new WeakSet<Command>();
  #sent: Command[] | undefined;

  /** Calls a function that sends commands, and notes those that it sends before it returns. */
  noting<T>(send: () => T): Sending<T> {
    const sent: Command[] = [];
    this.#sent = sent;
    try {
      const result = send();
      return { result, revoke: () => sent.forEach((command) => this.#revoked.add(command)) };
    } finally {
      this.#sent = undefined;
    }
  }

  /** Sends a command, unless it was revoked: that fails. */
  override sendCommand(...args: Parameters<Redis["sendCommand"]>): unknown {
    const [command] = args;
    if (this.#revoked.has(command)) {
      command.reject(new Error("Cannot send a command that was given up"));
      return command.promise;
    }
    this.#sent?.push(command);
    return super.sendCommand(...args);
  }
}
