import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Asked } from './ask-at-rate.ts';
import type { Lookup } from './lookups.ts';

/** What the asking process is told: where to ask for what, then how much. */
export type AskOrder =
  | { readonly baseUrl: string; readonly lookups: readonly Lookup[] }
  | { readonly rate: number; readonly count: number };

/** A process that looks up. */
export interface Asker {
  /** Sends `count` lookups at `rate` a second. */
  readonly ask: (rate: number, count: number) => Promise<Asked>;
  readonly close: () => void;
}

const PROGRAM = fileURLToPath(new URL('asking-process.ts', import.meta.url));

/** Starts the process and lets it connect. */
export async function openAsker(baseUrl: string, lookups: readonly Lookup[]): Promise<Asker> {
  const child = fork(PROGRAM, { serialization: 'advanced' });
  const order = async (what: AskOrder): Promise<Asked> => {
    child.send(what);
    const [answer] = (await once(child, 'message')) as [{ asked: Asked; error?: string }];
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.asked;
  };
  await order({ baseUrl, lookups });
  return {
    ask: async (rate, count) => order({ rate, count }),
    close: () => child.disconnect(),
  };
}
