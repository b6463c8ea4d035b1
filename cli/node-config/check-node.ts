import { inspectNode } from '../../generator/nodes/check/inspect-node.ts';
import { createWantedNode } from '../../generator/nodes/check/wanted-node.ts';
import { toLine } from '../../generator/terms/text.ts';
import type { Settings } from '../base/options.ts';
import { write, type ProcessIo } from '../base/process-io.ts';
import { readNodePolicy, toNodeFilesOptions } from './describe-nodes.ts';
import { formatNodeReport } from './format-node-report.ts';
import { readNode } from './read-node.ts';
import type { RootedFiles } from './rooted-files.ts';

/** A tree as the command line names it. */
export interface NodeTree {
  readonly root: string;
  readonly files: RootedFiles;
}

/** Says what is wrong with a node; settles with the exit code. */
export async function checkNode(
  { root, files }: NodeTree,
  settings: Settings,
  io: ProcessIo,
): Promise<number> {
  const policy = await readNodePolicy(settings);
  const wanted = createWantedNode(policy, {
    ...toNodeFilesOptions(settings, policy, undefined),
    now: new Date(),
    expiryWarning: settings['expiry-warning'],
  });
  const { state, unseen } = await readNode(files, settings.rootless);
  for (const home of unseen) {
    io.stderr.write(
      `lookaside: warning: cannot read ${toLine(home)}: it may hold files that replace the system's\n`,
    );
  }
  const findings = await inspectNode(state, wanted);
  const report = { root, scopes: wanted.policyScopes.size, findings };
  await write(io.stdout, formatNodeReport(report, settings.format === 'json', io));
  return findings.some(({ severity }) => severity === 'fault') ? 1 : 0;
}
