/**
 * Gives what `make` makes of the time, made anew in every second in which it is asked for. A timer
 * tells the second's end, as asking the clock each time is dear.
 */
export function everySecond(make: (now: Date) => string): () => string {
  let made: string | undefined;
  const forget = (): void => {
    made = undefined;
  };
  return () => {
    if (made === undefined) {
      const now = new Date();
      made = make(now);
      setTimeout(forget, 1000 - now.getMilliseconds()).unref();
    }
    return made;
  };
}
