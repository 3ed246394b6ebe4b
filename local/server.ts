/** A server somebody may use: where it answers, and how to let it go. */
export interface Server extends AsyncDisposable {
  /** Where clients connect, credentials included. */
  readonly url: string;
  /** Who runs it: whoever set the environment, this program, or a Docker engine. */
  readonly origin: "environment" | "binary" | "docker";
  /**
   * Stops the server. One from the environment is left running, one from Docker is taken down
   * with its data.
   */
  stop(): Promise<void>;
}

/**
 * A server this program started from a binary, and may therefore break on purpose.
 *
 * `stop` keeps the port and the data, so that `start` can follow; disposing of it stops it and
 * removes its folder. When the program dies in any way, a watchdog does the same.
 */
export interface OwnedServer extends Server {
  readonly origin: "binary";
  /** Temporary folder with its data and logs. */
  readonly folder: string;
  /** Id of the main process of the latest run. */
  readonly pid: number;
  /**
   * Sends a signal at once and waits for nothing. `SIGSTOP`, `SIGCONT` and `SIGKILL` go to all
   * processes of the server, any other to the main process.
   */
  kill(signal: Deno.Signal): void;
  /** Orderly stop and start: same port, same data. */
  restart(): Promise<void>;
  /** `SIGKILL` to all processes of the server; resolves when they are gone. */
  crash(): Promise<void>;
  /**
   * Starts it again after a stop or a crash, same port and data; resolves when it answers.
   *
   * @throws {ServerError} if it is running, or does not start
   */
  start(): Promise<void>;
}

/** What every function that starts a server is told. */
export interface StartOptions {
  /**
   * Is told, line by line, about steps a person should know of, such as installing a package.
   * @default nobody is told
   */
  readonly say?: ((line: string) => void) | undefined;
  /** Gives up starting; what was started so far is stopped. */
  readonly signal?: AbortSignal | undefined;
}

/** A server could not be had, or did not do as it was told. */
export class ServerError extends Error {
  override readonly name = "ServerError";
}
