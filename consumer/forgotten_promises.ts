import { describeError, type Logger } from "@events-pipeline/common/logger";

/**
 * Sees to it that a promise which fails when nobody waits for it does not end the process, and so the work of every consumer: a handler
 * may begin something and return. What it has not awaited has no part in its transaction, which has ended by then. Only a `main.ts` uses
 * it.
 *
 * @returns ends that
 */
export function outliveForgottenPromises(logger: Logger): Disposable {
  const onRejection = (event: PromiseRejectionEvent): void => {
    if (event.defaultPrevented) return;
    event.preventDefault();
    logger.error("Something failed that nobody waited for: a handler has to await what it begins", {
      error: describeError(event.reason),
    });
  };
  globalThis.addEventListener("unhandledrejection", onRejection);
  return { [Symbol.dispose]: () => globalThis.removeEventListener("unhandledrejection", onRejection) };
}
