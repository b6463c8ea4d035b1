// Crafted messages in large numbers, for `npm run fuzz -- --messages N`.
import type { Case } from '../cases.ts';
import { PLACES } from '../place.ts';
import { keepFile, makeReplayDirectory } from '../replay.ts';
import { type Gate, openGate } from '../gate.ts';
import { type Compared, SLOTS, compareAll, formatCompared } from '../compare.ts';
import { startSkopeo } from '../skopeo.ts';
import { MessageJudges, formatComparedMessage } from './compare-messages.ts';
import { type CraftedMessage, craftMessages } from './crafted-message.ts';

/** Of so many crafted messages, one is judged by skopeo too. */
const SAMPLE = 50;
const MESSAGES_BETWEEN_REPORTS = 1000;

/** Whether all verdicts on the messages of a seed are those of gpg, and of skopeo in a sample. */
export async function fuzzMessages(
  seed: number,
  count: number,
  print: (line: string) => void,
): Promise<boolean> {
  const judges = await MessageJudges.open();
  const directory = await makeReplayDirectory();
  const sample: CraftedMessage[] = [];
  const counts = { done: 0, inProcess: 0, taken: 0, faults: 0 };
  try {
    await judges.compareAll(craftMessages(judges.keys, seed, count), (compared) => {
      counts.done++;
      if (compared.isTakenInProcess) counts.inProcess++;
      if (compared.isTaken) counts.taken++;
      if (counts.done % SAMPLE === 0) sample.push(compared.message);
      if (compared.fault !== undefined) {
        counts.faults++;
        const file = keepFile(directory, counts.faults, toCase(compared.message), judges.keyring);
        print(`message ${counts.done}\n${formatComparedMessage(compared)}\n    ${file}`);
      }
      if (counts.done % MESSAGES_BETWEEN_REPORTS === 0) print(describeCounts(counts));
    });
    print(`seed ${seed}: ${describeCounts(counts)}`);
    const disagreed = await compareWithSkopeo(sample, judges.keyring);
    print(`${sample.length} of them by skopeo, ${disagreed.length} disagreements`);
    for (const one of disagreed) print(formatCompared(one));
    if (counts.faults > 0) print(`again: npm run fuzz -- --replay ${directory}/*/*/*/*`);
    return counts.faults === 0 && disagreed.length === 0;
  } finally {
    await judges.close();
  }
}

function describeCounts(counts: Readonly<Record<string, number>>): string {
  return `${counts['done']} messages, ${counts['taken']} taken, ${counts['inProcess']} of them in process, ${counts['faults']} faults`;
}

function toCase({ what, bytes }: CraftedMessage): Case {
  return { kinds: ['crafted'], what, place: PLACES[0], bytes };
}

/** The messages as signature files that the gate and a real skopeo judge unlike. */
export async function compareWithSkopeo(
  messages: readonly CraftedMessage[],
  keyring: Buffer,
): Promise<readonly Compared[]> {
  if (messages.length === 0) return [];
  const gate: Gate = await openGate(keyring);
  const skopeo = await startSkopeo(keyring, SLOTS);
  try {
    const results = await compareAll(messages.map(toCase), { gate, skopeo });
    return results.filter(({ isAgreed }) => !isAgreed);
  } finally {
    await skopeo.stop();
    await gate.close();
  }
}
