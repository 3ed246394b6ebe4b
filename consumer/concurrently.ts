/**
 * Does `act` for each item in turn, so many at once. When one fails it begins no more, waits for those under way, and throws the first
 * failure.
 *
 * @param enough whether to begin no more; asked before each but the first
 * @returns how many it has done: these are the first ones
 */
export async function concurrently<T>(
  items: readonly T[],
  limit: number,
  act: (item: T) => Promise<void>,
  enough: () => boolean = () => false,
): Promise<number> {
  let next = 0;
  if (limit === 1) {
    for (const item of items) {
      if (next > 0 && enough()) break;
      await act(item);
      next++;
    }
    return next;
  }
  const failures: unknown[] = [];
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, async () => {
    while (next < items.length && failures.length === 0 && !(next > 0 && enough())) {
      await act(items[next++]!).catch((error) => failures.push(error));
    }
  }));
  if (failures.length > 0) throw failures[0];
  return next;
}
