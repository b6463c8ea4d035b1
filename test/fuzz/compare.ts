import pMap from 'p-map';
import type { Case } from './cases.ts';
import { type Gate, openGate } from './gate.ts';
import { type Skopeo, startSkopeo } from './skopeo.ts';
import { type Verdict, isAgreed } from './verdict.ts';

/** A case with both verdicts. */
export interface Compared {
  readonly case: Case;
  readonly gate: Verdict;
  readonly node: Verdict;
  readonly isAgreed: boolean;
}

/** How many pulls run at once. */
export const SLOTS = 3;

/** Both judges, ready to judge. */
export interface Judges {
  readonly gate: Gate;
  readonly skopeo: Skopeo;
  readonly close: () => Promise<void>;
}

/** Starts both judges with the keys of a binary keyring. */
export async function openJudges(keyring: Buffer): Promise<Judges> {
  const gate = await openGate(keyring);
  const skopeo = await startSkopeo(keyring, SLOTS);
  const close = async () => {
    await skopeo.stop();
    await gate.close();
  };
  return { gate, skopeo, close };
}

/** Has every case judged by the gate and by skopeo, several at once. */
export async function compareAll(
  cases: Iterable<Case>,
  judges: Pick<Judges, 'gate' | 'skopeo'>,
  onResult: (compared: Compared) => void = () => {},
): Promise<readonly Compared[]> {
  return pMap(
    cases,
    async (one) => {
      const node = await judges.skopeo.judge(one.place, one.bytes);
      const gate = await judges.gate.judge(one.place, one.bytes);
      const compared = { case: one, gate, node, isAgreed: isAgreed(gate, node) };
      onResult(compared);
      return compared;
    },
    { concurrency: SLOTS },
  );
}

/** One disagreement in four lines. */
export function formatCompared({ case: { what }, gate, node }: Compared): string {
  return [
    `  ${what}`,
    `    gate:   ${formatVerdict(gate)}`,
    `    skopeo: ${formatVerdict(node)}`,
  ].join('\n');
}

function formatVerdict({ outcome, breaksPulls, why }: Verdict): string {
  return [outcome, ...(breaksPulls ? ['breaks pulls'] : []), why].filter(Boolean).join(', ');
}
