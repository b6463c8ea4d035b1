/** Something to wait at until the test opens it. */
export interface Gate {
  readonly wait: () => Promise<void>;
  readonly open: () => void;
}

export function createGate(): Gate {
  const waiting: (() => void)[] = [];
  let isOpen = false;
  return {
    wait: async () =>
      isOpen ? undefined : new Promise<void>((resolve) => void waiting.push(resolve)),
    open: () => {
      isOpen = true;
      for (const resolve of waiting) resolve();
    },
  };
}
