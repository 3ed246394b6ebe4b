/**
 * Waits until a condition holds, looking every 20 ms.
 *
 * @throws {Error} if it still does not after `ms`, naming the `claim`
 */
export async function until(
  claim: string,
  condition: () => boolean | Promise<boolean>,
  ms = 60_000,
): Promise<void> {
  const deadline = Date.now() + ms;
  while (!await condition()) {
    if (Date.now() > deadline) throw new Error(`Not so within ${ms} ms: ${claim}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
