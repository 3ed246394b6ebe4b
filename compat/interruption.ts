/** What a program is told when somebody ends it. */
export interface Interruption {
  /** Fires at SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** The exit code that shells expect of a program that a signal has ended: 143 after SIGTERM, else 130. */
  exitCode(): number;
}

/** Has SIGINT and SIGTERM end the work in place of the process, so that it takes away what is temporary. Only a program uses it. */
export function onInterruption(): Interruption {
  const interrupted = new AbortController();
  let exitCode = 130;
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    Deno.addSignalListener(signal, () => {
      exitCode = code;
      interrupted.abort();
    });
  }
  return { signal: interrupted.signal, exitCode: () => exitCode };
}
