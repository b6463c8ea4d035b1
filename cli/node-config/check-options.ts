// Which flags of node-config have an effect in which of its modes. Only flags are checked: in the
// environment and the configuration file an option may be meant for other runs.
import type { OptionName, Settings } from '../base/options.ts';
import { UsageError } from '../base/usage-error.ts';
import { STANDARD_OUTPUT } from './write-files.ts';

type Mode = 'check' | 'cluster' | 'diff' | Settings['target'];

interface Rule {
  readonly name: OptionName;
  readonly isOf: (mode: Mode, settings: Settings) => boolean;
  readonly hint: string;
}

/** Flags that some modes would ignore. */
const RULES: readonly Rule[] = [
  {
    name: 'pool',
    isOf: (mode) => mode === 'machineconfig' || mode === 'butane' || mode === 'cluster',
    hint: 'it is for --target machineconfig and butane, and for --cluster',
  },
  {
    name: 'ignition',
    isOf: (mode) => mode === 'machineconfig',
    hint: 'it is for --target machineconfig',
  },
  { name: 'butane', isOf: (mode) => mode === 'butane', hint: 'it is for --target butane' },
  {
    name: 'format',
    isOf: (mode) => mode === 'check' || mode === 'cluster',
    hint: 'it is for --check and --cluster',
  },
  {
    name: 'force',
    isOf: (mode, { merge, out }) =>
      mode !== 'check' &&
      mode !== 'cluster' &&
      (merge !== undefined || (mode === 'files' && out !== STANDARD_OUTPUT)),
    hint: 'it is for --merge, and for --out DIR with --target files',
  },
];

/** Modes that write nothing. */
const COMPARISONS: ReadonlySet<Mode> = new Set(['check', 'cluster', 'diff']);

/**
 * Refuses flags that would silently be ignored.
 * @throws UsageError
 */
export function checkOptions(settings: Settings, flags: ReadonlySet<string>): void {
  const mode = modeOf(settings);
  const place = COMPARISONS.has(mode) ? `--${mode}` : `--target ${mode}`;
  const wrong = RULES.find(({ name, isOf }) => flags.has(name) && !isOf(mode, settings));
  if (wrong) throw new UsageError(`--${wrong.name} has no effect with ${place}`, wrong.hint);
}

function modeOf({ check, cluster, diff, target }: Settings): Mode {
  if (check !== undefined) return 'check';
  if (cluster !== undefined) return 'cluster';
  return diff === undefined ? target : 'diff';
}
