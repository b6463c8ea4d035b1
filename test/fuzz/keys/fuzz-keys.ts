// A run over keys: those made packet by packet, and those made by gpg.
import { makeRandom } from '../random.ts';
import { compareKeyCases, formatKeyDisagreement } from './compare-keys.ts';
import { makeGpgKeys } from './gpg-made-keys.ts';
import { importIntoGnupg } from './gpg-keys.ts';
import { listOurs } from './key-listing.ts';
import { type KeyCase, makeKeyCase } from './random-key.ts';

export interface KeyRun {
  readonly seed: number;
  /** Packet by packet. */
  readonly crafted: number;
  readonly byGpg: number;
}

/** Cases that share one keyring. */
const BATCH = 500;

/** What we and gpg say differently, in some lines each. Case N is case 0 of the seed that is N more. */
export async function fuzzKeys(
  { seed, crafted, byGpg }: KeyRun,
  onProgress: (done: number, disagreements: number) => void = () => {},
): Promise<readonly string[]> {
  const found: string[] = [];
  for (let done = 0; done < crafted; done += BATCH) {
    const now = secondsNow();
    const length = Math.min(BATCH, crafted - done);
    const cases = Array.from({ length }, (_, index) => makeSeededCase(seed + done + index, now));
    found.push(...(await compareKeyCases(cases)).map(formatKeyDisagreement));
    onProgress(done + length, found.length);
  }
  if (byGpg > 0) found.push(...(await compareGpgKeys(seed, byGpg)));
  return found;
}

function makeSeededCase(seed: number, now: number): KeyCase {
  const one = makeKeyCase(makeRandom(seed), now);
  return { ...one, what: `--seed ${seed} --keys 1: ${one.what}` };
}

async function compareGpgKeys(seed: number, count: number): Promise<readonly string[]> {
  const bytes = await makeGpgKeys(makeRandom(seed), count, secondsNow());
  return compareListings(bytes);
}

/** The keys of a file, as we and as gpg list them, where that differs. */
export async function compareListings(bytes: Uint8Array): Promise<readonly string[]> {
  const gnupg = await importIntoGnupg([bytes]);
  try {
    const ours = listOurs([{ path: 'keys.gpg', bytes }], secondsNow());
    const [we, gpg] = [new Set(ours), new Set(gnupg.listing)];
    if (gpg.size === 0) throw new Error('gpg imported nothing');
    return [
      ...gnupg.listing.filter((line) => !we.has(line)).map((line) => `gpg: ${line}`),
      ...ours.filter((line) => !gpg.has(line)).map((line) => `we:  ${line}`),
    ];
  } finally {
    await gnupg.close();
  }
}

function secondsNow(): number {
  return Math.floor(Date.now() / 1000);
}
