// `lookaside init DIR`: a signature repository that is ready to be pushed.
import { gitEnvironment } from '../../generator/sources/git/processes/git-environment.ts';
import { describeUnusableKey } from '../../generator/proposal/key-changes.ts';
import { hintOf, messageOf } from '../../generator/terms/errors.ts';
import { toLine, toPrintable, toShellWord } from '../../generator/terms/text.ts';
import { CODEOWNERS } from '../../signing/init/repository-files.ts';
import { type InitReport, initRepository } from '../../signing/init/init-repository.ts';
import { REPOSITORY_CONFIG } from '../../signing/target/repository-address.ts';
import type { Settings } from '../base/options.ts';
import { type ProcessIo, write } from '../base/process-io.ts';
import { UsageError } from '../base/usage-error.ts';
import { untilStopped } from '../inputs/open-source.ts';
import { readUsableKeys } from '../inputs/read-keys.ts';
import { type AskedScope, assertScopes } from './existing-scopes.ts';

/** Settles with the exit code. */
export async function init(directory: string, settings: Settings, io: ProcessIo): Promise<number> {
  // Before anything is made.
  const scopes = await readScopes(settings);
  const { forge, stages: isStage } = settings;
  await assertScopes(directory, scopes, isStage);
  const environment = gitEnvironment(io.environment, undefined);
  const report = await untilStopped(io.signals, async (ending) =>
    initRepository({ directory, forge, scopes, isStage, environment, ending }),
  ).catch((cause: unknown) => {
    throw explain(directory, cause);
  });
  for (const warning of listWarnings(scopes)) {
    await write(io.stderr, `lookaside: warning: ${toLine(warning)}\n`);
  }
  await write(io.stdout, formatReport(directory, report, scopes.length > 0));
  return 0;
}

/** The scopes of `--scope`, and that of `--keys` for all other images. */
async function readScopes({ scope, keys, origins }: Settings): Promise<readonly AskedScope[]> {
  const paths = new Map<string, string[]>();
  for (const { name, path } of scope) paths.set(name, [...(paths.get(name) ?? []), path]);
  if (keys.length > 0) paths.set('', [...(paths.get('') ?? []), ...keys]);
  const scopes: AskedScope[] = [];
  for (const [name, files] of paths) {
    const origin = name === '' ? (origins.keys ?? '--keys') : '--scope';
    const { faults, keyring, copies } = await readUsableKeys({ paths: files, origin });
    if (faults[0]) throw faults[0].error;
    scopes.push({ name, keyring, files: copies.good });
  }
  return scopes;
}

/** Keys that may sign nothing, each once. */
function listWarnings(scopes: readonly AskedScope[]): ReadonlySet<string> {
  const now = new Date();
  return new Set(
    scopes.flatMap(({ keyring }) =>
      keyring.keys.flatMap((key) => {
        const reason = describeUnusableKey(key, keyring, now);
        return reason === undefined ? [] : `the key ${reason}`;
      }),
    ),
  );
}

function explain(directory: string, cause: unknown): unknown {
  if (hintOf(cause) !== undefined || cause instanceof UsageError) return cause;
  const hint = 'name a directory that can be written';
  const message = `cannot make a signature repository in ${directory}: ${messageOf(cause)}`;
  return new UsageError(message, hint, { cause });
}

function formatReport(directory: string, report: InitReport, hasKeys: boolean): string {
  const { steps } = report;
  const isChanged = steps.some(({ outcome }) => outcome === 'made');
  const told = steps.filter(({ outcome, note }) => outcome !== 'kept' || note !== undefined);
  const lines = told.map(({ outcome, what, note }) => {
    const word = outcome === 'made' ? 'made' : 'left as it is:';
    return `  ${word} ${toPrintable(note === undefined ? what : `${what} (${note})`)}`;
  });
  const head = isChanged
    ? `${toPrintable(directory)} is a signature repository`
    : `${toPrintable(directory)}: nothing was missing`;
  return [head, ...lines, ...(isChanged ? formatNext(directory, report, hasKeys) : []), ''].join(
    '\n',
  );
}

function formatNext(
  directory: string,
  { pipeline, hasOrigin, hasOwners }: InitReport,
  hasKeys: boolean,
): readonly string[] {
  const place = toShellWord(directory);
  const keys = `  put public keys into keys/, and name them and your images in ${REPOSITORY_CONFIG}`;
  return [
    'next:',
    ...(hasKeys ? [] : [keys]),
    `  set your Lookaside image in ${pipeline}`,
    ...(hasOwners ? [`  set your people in ${CODEOWNERS}, and protect the branch`] : []),
    `  lookaside check ${place} --config ${toShellWord(`${directory}/${REPOSITORY_CONFIG}`)}`,
    `  git -C ${place} add --all && git -C ${place} commit -m 'A repository for signatures'`,
    `  ${hasOrigin ? '' : `git -C ${place} remote add origin URL && `}git -C ${place} push -u origin HEAD`,
  ];
}
