// Compares our verdicts with skopeo's, over signature files made at random from a seed, and then
// lets the in-process engine alone judge real signatures with random bytes changed. Then come messages
// that are crafted field by field, with keys of all kinds, for us and the real gpg; last, what we and
// gpg import of crafted keys, and of a fifth as many that gpg made. A disagreement about a key begins
// with the options that make its case alone, with new keys.
// Usage: npm run fuzz -- [--seed N] [--cases N] [--noise N] [--messages N] [--keys N] [--replay FILE…]
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { judgeNoise, toCase } from '../test/fuzz/byte-noise.ts';
import { makeCases } from '../test/fuzz/cases.ts';
import {
  type Compared,
  type Judges,
  compareAll,
  formatCompared,
  openJudges,
} from '../test/fuzz/compare.ts';
import { fuzzKeys } from '../test/fuzz/keys/fuzz-keys.ts';
import { type Material, makeMaterial } from '../test/fuzz/material.ts';
import { fuzzMessages } from '../test/fuzz/messages/fuzz-messages.ts';
import { makeRandom } from '../test/fuzz/random.ts';
import { keepFile, makeReplayDirectory, readKept } from '../test/fuzz/replay.ts';
import { formatSummary } from '../test/fuzz/summary.ts';

const DEFAULT_CASES = 3000;
const DEFAULT_NOISE = 100_000;
const DEFAULT_MESSAGES = 50_000;
const DEFAULT_KEYS = 2000;
/** Crafted keys for each that gpg makes. */
const CRAFTED_PER_GPG = 5;
const PROGRESS_EVERY = 250;

const { values, positionals } = parseArgs({
  options: {
    seed: { type: 'string', default: String(randomInt(2 ** 32)) },
    cases: { type: 'string', default: String(DEFAULT_CASES) },
    noise: { type: 'string', default: String(DEFAULT_NOISE) },
    messages: { type: 'string', default: String(DEFAULT_MESSAGES) },
    keys: { type: 'string', default: String(DEFAULT_KEYS) },
    replay: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});

process.exitCode = (await (values.replay ? replay(positionals) : fuzzAll())) ? 0 : 1;

async function fuzzKeyFiles(seed: number, crafted: number): Promise<boolean> {
  const byGpg = Math.ceil(crafted / CRAFTED_PER_GPG);
  print(`seed ${seed}, ${crafted} crafted keys, ${byGpg} by gpg`);
  const found = await fuzzKeys({ seed, crafted, byGpg }, (done, disagreements) => {
    print(`${done} crafted keys, ${disagreements} disagreements`);
  });
  for (const one of found) print(one);
  print(`seed ${seed}: ${crafted + byGpg} keys, ${found.length} disagreements`);
  return found.length === 0;
}

async function fuzzAll(): Promise<boolean> {
  const seed = toCount('seed', values.seed);
  const messages = toCount('messages', values.messages);
  const keys = toCount('keys', values.keys);
  const others = [values.cases, values.noise];
  const agreed = [others.every((count) => count === '0') || (await fuzz(seed))];
  if (messages > 0) agreed.push(await fuzzMessages(seed, messages, print));
  if (keys > 0) agreed.push(await fuzzKeyFiles(seed, keys));
  return agreed.every(Boolean);
}

async function fuzz(seed: number): Promise<boolean> {
  const count = toCount('cases', values.cases);
  print(`seed ${seed}, ${count} cases`);
  const directory = await makeReplayDirectory();
  const material = await makeMaterial(makeRandom(seed));
  const judges = await openJudges(material.keyring);
  const started = Date.now();
  const perSecond = (cases: number) => (cases / (Date.now() - started)) * 1000;
  let done = 0;
  let kept = 0;
  const onResult = (result: Compared) => {
    done++;
    if (!result.isAgreed) {
      const file = keepFile(directory, ++kept, result.case, material.keyring);
      print(`disagreement ${kept}\n${formatCompared(result)}\n    ${file}`);
    }
    if (done % PROGRESS_EVERY === 0) {
      print(`${done} cases, ${kept} disagreements, ${perSecond(done).toFixed(1)} cases a second`);
    }
  };
  let isHonest = true;
  try {
    const results = await compareAll(makeCases(material, seed, count), judges, onResult);
    print(formatSummary(results));
    print(
      `seed ${seed}: ${done} cases, ${perSecond(done).toFixed(1)} a second, ${kept} disagreements`,
    );
    isHonest = await withstandsNoise(material, seed, judges, onResult);
  } finally {
    await judges.close();
  }
  if (kept > 0) print(`again: npm run fuzz -- --replay ${directory}/*/*/*/*`);
  return kept === 0 && isHonest;
}

/** What the in-process engine takes after all must be what was signed, and good for a node. */
async function withstandsNoise(
  material: Material,
  seed: number,
  judges: Judges,
  onResult: (result: Compared) => void,
): Promise<boolean> {
  const noise = await judgeNoise(material, seed, toCount('noise', values.noise));
  const { judged, accepted, forged } = noise;
  await compareAll(accepted.map(toCase), judges, onResult);
  const [early, late] = noise.memory.map((bytes) => `${Math.round(bytes / 2 ** 20)} MiB`);
  print(`noise: ${judged} judged, ${accepted.length} accepted with what was signed in them`);
  print(`noise: ${forged.length} accepted with anything else; memory ${early} early, ${late} late`);
  for (const { what } of forged) print(`  ${what}`);
  return forged.length === 0;
}

/** Files lie beside the keyring of the run that they are from. */
async function replay(files: readonly string[]): Promise<boolean> {
  let isAgreed = true;
  for (const file of files) {
    const { keyring, case: one } = readKept(file);
    const judges = await openJudges(keyring);
    try {
      const [result] = await compareAll([one], judges);
      if (!result) continue;
      print(`${result.isAgreed ? 'agreed' : 'disagreement'}\n${formatCompared(result)}`);
      isAgreed &&= result.isAgreed;
    } finally {
      await judges.close();
    }
  }
  return isAgreed;
}

function toCount(name: string, text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new Error(`--${name}: expected a number, got ${text}`);
  return Number(text);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
