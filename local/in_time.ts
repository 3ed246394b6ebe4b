/** How long a server may take for an answer, in milliseconds. */
export const ANSWER_MS = 2_000;

/** Settles as `promise` does, or rejects after a while or when the signal is aborted. */
export async function inTime<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  const { promise: given, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`No answer within ${ANSWER_MS} ms`)), ANSWER_MS);
  const abort = () => reject(signal?.reason);
  signal?.addEventListener("abort", abort);
  try {
    signal?.throwIfAborted();
    return await Promise.race([promise, given]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
    promise.catch(() => {}); // It may still fail once nobody waits for it
  }
}
