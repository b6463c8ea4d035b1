import { join } from 'node:path/posix';
import { parseSource } from '../../generator/sources/parse-source.ts';
import { StateRefusedError } from '../../generator/sources/source.ts';
import type { CheckReport } from '../../generator/store/report.ts';
import { EMPTY } from '../../generator/store/store-directory.ts';
import type { Settings } from '../base/options.ts';
import { write, type ProcessIo } from '../base/process-io.ts';
import { readPolicy } from '../inputs/read-policy.ts';
import { checkOnce, reportOn } from './check-once.ts';
import { reportKeys } from './check-source.ts';
import { checkProposal } from './check-proposal.ts';
import { hasFaults } from './findings.ts';
import { formatReport } from './format-report.ts';
import { type PublishedPlace, placeHints } from './place-hints.ts';
import type { RangeReport } from './review-range.ts';

/** `lookaside check SOURCE`. */
export async function check(source: string, settings: Settings, io: ProcessIo): Promise<number> {
  const { report, subtree } =
    settings.base === undefined
      ? await checkAll(source, settings, io)
      : await checkProposal(source, settings.base, settings, io);
  await write(io.stdout, formatReport(report, source, { ...settings, path: subtree }, io));
  return hasFaults(report, settings.strict) ? 1 : 0;
}

async function checkAll(source: string, settings: Settings, io: ProcessIo): Promise<RangeReport> {
  const { path } = settings;
  const report = await reportAll(source, settings, io);
  const place: PublishedPlace =
    report.source.kind === 'directory'
      ? { kind: 'here', directory: join(source, path) }
      : { kind: 'in-checkout', directory: path };
  return { report: placeHints(report, place), subtree: path };
}

/** A state that `serve` would refuse is a fault of the data like any other. */
async function reportAll(source: string, settings: Settings, io: ProcessIo): Promise<CheckReport> {
  try {
    const checked = await checkOnce(source, settings, io);
    return reportOn(checked, checked.store.files());
  } catch (error) {
    if (!(error instanceof StateRefusedError)) throw error;
    return reportRefused(source, settings, error);
  }
}

async function reportRefused(
  source: string,
  settings: Settings,
  { message, hint = '', origin: { commit, author } }: StateRefusedError,
): Promise<CheckReport> {
  const address = parseSource(source);
  const policy = await readPolicy(settings);
  return {
    source: {
      kind: address.kind,
      location: address.kind === 'git' ? address.url : address.path,
      ...(commit !== undefined && { commit }),
    },
    ...reportKeys(policy),
    summary: EMPTY,
    files: [],
    refused: { code: 'state-refused', message, hint, ...(author !== undefined && { author }) },
  };
}
