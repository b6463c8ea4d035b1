import { type Command, type Settings, valuesOf } from './options.ts';
import { UsageError } from './usage-error.ts';

/**
 * Makes sure that a command can print in the format of --format.
 * @throws UsageError
 */
export function assertFormat(command: Command, { format }: Pick<Settings, 'format'>): void {
  const known = valuesOf('format', command) ?? [];
  if (known.includes(format)) return;
  const hint = `use ${known.map((name) => `--format ${name}`).join(' or ')}`;
  throw new UsageError(`${command} does not support the format ${format}`, hint);
}
