// `lookaside push PATH… --to REPO`: what skopeo and podman left behind goes to the signature repository.
import { clearStaging } from '../../signing/gather/clear-staging.ts';
import { gatherFiles } from '../../signing/gather/gather.ts';
import { pushSignatures } from '../../signing/push/push-signatures.ts';
import type { PushReport, PushedSignature } from '../../signing/push/push-report.ts';
import { formatJson } from '../../generator/terms/text.ts';
import { type ProcessIo, hasColour, write } from '../base/process-io.ts';
import type { Settings } from '../base/options.ts';
import { UsageError } from '../base/usage-error.ts';
import { showProgress } from '../check/progress.ts';
import { openTarget } from '../inputs/open-target.ts';
import { withTemporaryState } from '../inputs/open-source.ts';
import { describeRun } from './describe-run.ts';
import { formatPush, toPushDocument } from './format-push.ts';

/** 0 when all is in the repository, 1 when something is refused. */
export async function push(
  paths: readonly string[],
  settings: Settings,
  io: ProcessIo,
): Promise<number> {
  const { to, format } = settings;
  if (to === undefined) {
    throw new UsageError(
      'push needs --to',
      'name the signature repository, for example --to git@HOST:ORG/signatures.git',
    );
  }
  if (format !== 'text' && format !== 'json') {
    throw new UsageError(
      `push does not support the format ${format}`,
      'use --format text or --format json',
    );
  }
  const candidates = await gatherFiles(paths);
  const report = await withTemporaryState(io.signals, async (directory, ending) => {
    const target = await openTarget(to, settings, io, directory, ending);
    const progress = showProgress({ count: async () => candidates.length }, io);
    try {
      return await pushSignatures(target.repository, candidates, {
        judge: target.judge,
        subtree: target.settings.path,
        now: new Date(),
        timeout: settings.timeout,
        keepsGoing: settings['keep-going'],
        isDryRun: settings['dry-run'],
        run: describeRun(io.environment),
        onJudged: progress.step,
        ending,
      });
    } finally {
      progress.stop();
      await target.close();
    }
  });
  const isInRepository = ({ status }: PushedSignature): boolean =>
    status === 'new' || status === 'there';
  if (settings.clear) {
    const safe = report.signatures.map(
      (one) => isInRepository(one) && 'isSame' in one && one.isSame,
    );
    await clearStaging(candidates.filter((_, index) => safe[index]));
  }
  await write(io.stdout, formatReport(report, settings, io));
  return report.signatures.some(({ status }) => status === 'refused') ? 1 : 0;
}

function formatReport(report: PushReport, { format }: Settings, io: ProcessIo): string {
  if (format === 'json') return `${formatJson(toPushDocument(report), 2)}\n`;
  return formatPush(report, hasColour(io.stdout, io.environment));
}
