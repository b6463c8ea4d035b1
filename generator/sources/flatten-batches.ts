/**
 * Items one by one out of batches. Much cheaper than an async generator that yields each of
 * them: an item of a batch that has come costs one settled promise. As with a generator, more
 * items may be asked for before the first has come.
 */
export function flattenBatches<Item>(
  batches: AsyncGenerator<readonly Item[]>,
): AsyncIterable<Item> {
  let items: Iterator<Item> = [][Symbol.iterator]();
  let isDone = false;
  let fetching: Promise<void> | undefined;
  const fetch = async (): Promise<void> => {
    try {
      const batch = await batches.next();
      if (batch.done === true) isDone = true;
      else items = batch.value[Symbol.iterator]();
    } finally {
      fetching = undefined;
    }
  };
  const next = async (): Promise<IteratorResult<Item, undefined>> => {
    for (;;) {
      const item = items.next();
      if (item.done !== true) return item;
      if (isDone) return { done: true, value: undefined };
      // One for all who wait: a batch that replaced another would take its items away.
      fetching ??= fetch();
      await fetching;
    }
  };
  return {
    [Symbol.asyncIterator]: () => ({
      next,
      return: async () => {
        await batches.return(undefined);
        return { done: true, value: undefined };
      },
    }),
  };
}
