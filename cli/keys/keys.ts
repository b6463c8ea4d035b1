// `lookaside keys SOURCE`: until when each key is good, what it covers, and what nodes would refuse at
// another time or without it.
import { type Forecast, forecastAtOnce } from '../../generator/forecast/forecast.ts';
import type { Supposition } from '../../generator/forecast/accepted-signers.ts';
import { type KeyReport, reportAllKeys } from '../../generator/forecast/key-report.ts';
import type { CheckReport } from '../../generator/store/report.ts';
import { assertFormat } from '../base/assert-format.ts';
import type { Settings } from '../base/options.ts';
import { type ProcessIo, write } from '../base/process-io.ts';
import { UsageError } from '../base/usage-error.ts';
import { withChecked } from '../check/check-once.ts';
import { readPolicy } from '../inputs/read-policy.ts';
import { formatKeysReport } from './format-keys-report.ts';
import { readSupposition } from './read-supposition.ts';

/** All that is told of the keys of a source. */
export interface KeysReport extends Pick<CheckReport, 'source' | 'keyFaults'> {
  readonly now: Date;
  readonly keys: readonly KeyReport[];
  /** Undefined where only what holds now was asked for. */
  readonly supposition: Supposition | undefined;
  readonly forecast: Forecast;
  /** Files that nobody could judge, so that it is not known what they are worth. */
  readonly undecided: number;
}

/**
 * 0 where no image would be lost, 1 where one would; 2 where that cannot be said, because a scope cannot be
 * judged or a file has no verdict.
 */
export async function keys(source: string, settings: Settings, io: ProcessIo): Promise<number> {
  assertFormat('keys', settings);
  const now = new Date();
  const { keyring } = await readPolicy(settings);
  if (!keyring) {
    const hint = 'give --keys, --policy, or scopes in the file of --config, as the nodes have them';
    throw new UsageError('keys needs the keys that signatures are verified with', hint);
  }
  const supposition = await readSupposition(settings, keyring, now);
  if (settings.list && !supposition) {
    const message = '--list prints what would be refused at another time or without a key';
    throw new UsageError(message, 'give --at DATE or --without KEY');
  }
  if (settings.list && settings.format !== 'text') {
    const message = `--list prints a line for each image, and --format ${settings.format} the whole report`;
    throw new UsageError(message, 'leave one of them out');
  }
  const report = await withChecked(source, settings, io, async (checked) => {
    const { policy, store, keyFaults } = checked;
    return {
      source: checked.source,
      ...(keyFaults && { keyFaults }),
      now,
      keys: reportAllKeys(policy, (subkey) => store.hasSigned(subkey), now),
      supposition,
      forecast: forecastAtOnce(store, { policy, now, supposition }),
      undecided: [...store.undecided()].length,
    };
  });
  await write(io.stdout, formatKeysReport(report, settings, io));
  return tellWhetherWhole(report, io) ? Number(report.forecast.lostImages > 0) : 2;
}

/** Whether all is known; says what is not. */
function tellWhetherWhole(
  { keyFaults = [], undecided }: KeysReport,
  { stderr }: ProcessIo,
): boolean {
  const unjudged = keyFaults.filter(({ code }) => code === 'scope-not-judged');
  for (const { message, hint } of unjudged) stderr.write(`lookaside: ${message}\nhint: ${hint}\n`);
  if (undecided > 0) {
    const files = undecided === 1 ? '1 file has' : `${undecided} files have`;
    stderr.write(
      `lookaside: ${files} no verdict, so what is said of images is not all\nhint: \`lookaside check\` says why\n`,
    );
  }
  return unjudged.length === 0 && undecided === 0;
}
