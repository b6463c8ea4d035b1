/**
 * Nothing good is ever lost: whatever is pushed, broken, killed or sent, in any order, twenty
 * clients get 200 with the right bytes for what stays good.
 *
 * CHAOS_SEED=N repeats a run, CHAOS_SECONDS=N says how long it goes on (60), CHAOS_STEPS=a,b takes
 * only these steps, or kinds of them (`host`), and CHAOS_KEEP_GOING=1 goes on after a fault and
 * tells of all at the end.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeWith } from '../with-tools.ts';
import { Chaos } from './chaos/chaos.ts';
import { planSteps } from './chaos/plan.ts';
import { prepareSteps, type Step, STEPS } from './chaos/steps.ts';

const seed = Number(process.env['CHAOS_SEED'] ?? randomInt(2 ** 31));
const seconds = Number(process.env['CHAOS_SECONDS'] ?? 60);
const keepsGoing = process.env['CHAOS_KEEP_GOING'] === '1';
/** What a step, and the end, may take beyond the time of the run. Milliseconds. */
const EXTRA = 300_000;
/** Clients look up meanwhile. Milliseconds. */
const BETWEEN_STEPS = 150;
const SHOWN_STEPS = 15;
const SHOWN_LINES = 40;

interface Fault {
  readonly step: string;
  readonly what: string;
}

describeWith(['gpg', 'gpgv', 'git', 'git-http-backend', 'bzip2'], 'chaos', () => {
  let chaos: Chaos;
  let close: (() => Promise<void>) | undefined;
  before('make a world', async function make() {
    this.timeout(EXTRA);
    await prepareSteps();
    chaos = await Chaos.open();
    close = async () => chaos.close();
  });
  after(async () => close?.());

  it(`serves what stays good through everything (seed ${seed}, ${seconds} s)`, async function run() {
    this.timeout(seconds * 1000 + (keepsGoing ? 10 * EXTRA : EXTRA));
    const steps = chosenSteps();
    say(`seed ${seed}: CHAOS_SEED=${seed} CHAOS_SECONDS=${seconds} npm run test:long`);
    const begun = performance.now();
    const done: string[] = [];
    const faults: Fault[] = [];
    let peak = 0;

    const attempt = async (name: string, action: () => Promise<void>): Promise<void> => {
      const line = `${((performance.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${name}`;
      say(line);
      done.push(line);
      chaos.forgetChoice();
      try {
        await action();
        await sleep(BETWEEN_STEPS);
        peak = Math.max(peak, await chaos.judge());
      } catch (error) {
        const said = error instanceof Error ? error.message : String(error);
        const what = [...new Set([chaos.describeEnd() ?? said, said])].join('\n');
        const chosen = chaos.chosen === undefined ? '' : ` (${chaos.chosen})`;
        faults.push({ step: `${name}${chosen}`, what });
        if (!keepsGoing) throw new Error(describeFaults(faults, done), { cause: error });
        say(`        fault: ${what.split('\n')[0] ?? ''}`);
        await chaos.recover();
      }
    };

    for (const { number, step, random } of planSteps(seed, steps)) {
      if (performance.now() - begun > seconds * 1000) break;
      const lack = lackOf(step);
      if (lack === undefined) {
        await attempt(`${number} ${step.name}`, async () => step.run(chaos, random));
      } else {
        say(`          ${number} ${step.name}: left out for lack of a ${lack}`);
      }
    }
    await attempt('the end: heal', async () => chaos.heal({ force: true }));
    await attempt('the end: the same after a fresh start', async () => chaos.compareStarts());
    const { right, slowest } = chaos.watch.figures;
    say(
      `${done.length} steps, ${right} right answers, the slowest ${Math.round(slowest)} ms, ` +
        `${Math.round(peak / 1e6)} MB at most`,
    );
    if (faults.length > 0) throw new Error(describeFaults(faults, done));
  });

  function lackOf({ needs }: Step): string | undefined {
    if (needs === 'clock' && chaos.clock === undefined) return 'clock that can be moved';
    if (needs === 'disk' && chaos.disk === undefined) return 'file system that can be mounted';
    return undefined;
  }

  function describeFaults(faults: readonly Fault[], done: readonly string[]): string {
    const listed = faults.map(({ step, what }) => `${step}:\n  ${what.replaceAll('\n', '\n  ')}`);
    const log = chaos.served.tail(SHOWN_LINES);
    return [
      `seed ${seed}`,
      ...listed,
      `the last steps:\n${done.slice(-SHOWN_STEPS).join('\n')}`,
      `the last lines of the program:\n${log}`,
    ].join('\n\n');
  }
});

function isMeant(step: Step, name: string): boolean {
  return step.name === name || step.name.startsWith(`${name}:`);
}

/** Throws for names that there are not. */
function chosenSteps(): readonly Step[] {
  const wanted = process.env['CHAOS_STEPS']?.split(',').map((name) => name.trim());
  if (wanted === undefined) return STEPS;
  for (const name of wanted) {
    if (!STEPS.some((step) => isMeant(step, name))) throw new Error(`there is no step ${name}`);
  }
  return STEPS.filter((step) => wanted.some((name) => isMeant(step, name)));
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
