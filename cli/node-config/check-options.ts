// Which flags of node-config have an effect in which of its modes. Only flags are checked: in the
// environment and the configuration file an option may be meant for other runs.
import type { OptionName, Settings } from '../base/options.ts';
import { UsageError } from '../base/usage-error.ts';
import { STANDARD_OUTPUT } from './write-files.ts';

type Mode = 'check' | 'diff' | Settings['target'];

interface Rule {
  readonly name: OptionName;
  readonly isOf: (mode: Mode, settings: Settings) => boolean;
  readonly hint: string;
}

/** Flags that some modes would ignore. */
const RULES: readonly Rule[] = [
  {
    name: 'pool',
    isOf: (mode) => mode === 'machineconfig' || mode === 'butane',
    hint: 'it is for --target machineconfig and butane',
  },
  {
    name: 'ignition',
    isOf: (mode) => mode === 'machineconfig',
    hint: 'it is for --target machineconfig',
  },
  { name: 'butane', isOf: (mode) => mode === 'butane', hint: 'it is for --target butane' },
  { name: 'format', isOf: (mode) => mode === 'check', hint: 'it is for --check' },
  {
    name: 'force',
    isOf: (mode, { merge, out }) =>
      mode !== 'check' && (merge !== undefined || (mode === 'files' && out !== STANDARD_OUTPUT)),
    hint: 'it is for --merge, and for --out DIR with --target files',
  },
];

/**
 * Refuses flags that would silently be ignored.
 * @throws UsageError
 */
export function checkOptions(settings: Settings, flags: ReadonlySet<string>): void {
  const mode = modeOf(settings);
  const place = mode === 'check' || mode === 'diff' ? `--${mode}` : `--target ${mode}`;
  const wrong = RULES.find(({ name, isOf }) => flags.has(name) && !isOf(mode, settings));
  if (wrong) throw new UsageError(`--${wrong.name} has no effect with ${place}`, wrong.hint);
}

function modeOf({ check, diff, target }: Settings): Mode {
  if (check !== undefined) return 'check';
  return diff === undefined ? target : 'diff';
}
