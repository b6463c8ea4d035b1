/**
 * Caches a text for the current second. A timer drops it when the second ends, as asking the clock
 * each time costs much.
 */
export function cachedPerSecond(format: (now: Date) => string): () => string {
  let text: string | undefined;
  const drop = (): void => {
    text = undefined;
  };
  return () => {
    if (text === undefined) {
      const now = new Date();
      text = format(now);
      setTimeout(drop, 1000 - now.getMilliseconds()).unref();
    }
    return text;
  };
}
