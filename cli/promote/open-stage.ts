// The stage that images come from: its signature repository, or its store, asked as nodes ask it. What lies
// there is verified with the keys that were given here.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PlacingJudge } from '../../generator/gate/placing-judge.ts';
import { canJudge, listKeyFaults } from '../../generator/policy/key-faults.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import { createDirectoryPass } from '../../generator/sources/directory/directory-pass.ts';
import { parseSource } from '../../generator/sources/parse-source.ts';
import type { Pass } from '../../generator/sources/source.ts';
import { loadStore } from '../../generator/store/load-store.ts';
import { parseLocation } from '../../generator/terms/location.ts';
import { parseUrl } from '../../generator/terms/text.ts';
import { ServedStage, type Stage, StoredStage } from '../../signing/stage/stage.ts';
import { toBudgets } from '../base/budget-options.ts';
import type { Settings } from '../base/options.ts';
import type { ProcessIo } from '../base/process-io.ts';
import { UsageError } from '../base/usage-error.ts';
import { Progress } from '../check/progress.ts';
import { openEngines, warnOfKeys } from '../inputs/open-engines.ts';
import { openSource } from '../inputs/open-source.ts';
import { readPolicy, warnOfKeyFaults } from '../inputs/read-policy.ts';

/** Where to look for signatures of the stage. */
export type StagePlace =
  | { readonly kind: 'source'; readonly location: string }
  /** Without a slash at the end. */
  | { readonly kind: 'server'; readonly url: string };

/**
 * Reads `--from` and `--server`.
 * @throws UsageError unless it is one of them
 */
export function readPlace({ from, server }: Settings): StagePlace {
  if ((from === undefined) === (server === undefined)) {
    const message =
      from === undefined
        ? 'promote needs the stage that images come from'
        : '--from and --server both say where images come from';
    const hint = 'give --from SOURCE, its signature repository, or --server URL, its store';
    throw new UsageError(message, hint);
  }
  if (server === undefined) return { kind: 'source', location: from ?? '' };
  const url = parseUrl(server);
  if (url && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '') {
    return { kind: 'server', url: server.replace(/\/+$/, '') };
  }
  const message = `--server: expected the http:// or https:// address of a store, got ${JSON.stringify(server)}`;
  throw new UsageError(message, 'give --server https://signatures.example.com');
}

/** A stage that is open. */
export interface OpenStage {
  readonly policy: Policy;
  /**
   * Reads what it has for manifests, by the hexadecimal digits of their digests; undefined for all.
   * To be called once.
   */
  readonly read: (digestHexes: ReadonlySet<string> | undefined) => Promise<Stage>;
  readonly close: () => Promise<void>;
}

function now(): Date {
  return new Date();
}

/**
 * Opens it. `directory` is for what is temporary; whoever made it removes it.
 * @throws UsageError where nothing says which keys count there
 */
export async function openStage(
  place: StagePlace,
  settings: Settings,
  io: ProcessIo,
  directory: string,
  ending: AbortSignal,
): Promise<OpenStage> {
  const policy = await readStagePolicy(settings, io);
  const engines = await openEngines(io.environment, directory, toBudgets(settings));
  for (const warning of warnOfKeys(policy, engines)) {
    io.stderr.write(`lookaside: warning: ${warning}\n`);
  }
  const { openMessage, close } = engines;
  const judge = new PlacingJudge({
    policy,
    openMessage,
    expiryWarning: 0,
    paths: toBudgets(settings),
  });
  if (place.kind === 'server') {
    const stage = new ServedStage({ policy, judge, store: place.url, ending, now });
    return { policy, read: async () => stage, close };
  }
  const read = async (digestHexes: ReadonlySet<string> | undefined): Promise<StoredStage> => {
    const state = join(directory, 'stage');
    await mkdir(state, { recursive: true });
    const { location } = place;
    const source = await openSource(
      location,
      toSourceSettings(location, settings),
      state,
      io.environment,
      ending,
      createDirectoryPass,
    );
    try {
      const pass = await source.refresh();
      try {
        return new StoredStage(policy, await loadPart(pass, judge, digestHexes, io));
      } finally {
        await pass.close();
      }
    } finally {
      await source.close();
    }
  };
  return { policy, read, close };
}

async function readStagePolicy(settings: Settings, { stderr }: ProcessIo): Promise<Policy> {
  const policy = await readPolicy(settings);
  if (!policy.isConfigured) {
    const hint = 'give the public keys of its signers with --keys, or its scopes with --config';
    throw new UsageError('promote needs the keys of the stage: no server is believed', hint);
  }
  const [fault] = canJudge(policy) ? [] : listKeyFaults(policy);
  if (fault) throw new UsageError(fault.message, fault.hint);
  warnOfKeyFaults(policy, stderr);
  return policy;
}

/** Only the files of these manifests are looked at, wherever they lie. */
async function loadPart(
  pass: Pass,
  judge: PlacingJudge,
  digestHexes: ReadonlySet<string> | undefined,
  io: ProcessIo,
) {
  const progress = new Progress(digestHexes ? { count: async () => digestHexes.size } : pass, io);
  const part: Pass = {
    ...pass,
    async *entries() {
      for await (const entry of pass.entries()) {
        const digestHex = parseLocation(entry.path)?.digestHex;
        if (!digestHexes || (digestHex !== undefined && digestHexes.has(digestHex))) yield entry;
      }
    },
  };
  try {
    return await loadStore(part, judge, now(), () => progress.step());
  } finally {
    progress.stop();
  }
}

/**
 * The settings for the repository of the stage: `--branch` and `--path` are about that of --to, and a token
 * goes to no other host than that one.
 */
function toSourceSettings(location: string, settings: Settings): Settings {
  const isSameHost = hostOf(location) !== undefined && hostOf(location) === hostOf(settings.to);
  const user = settings.origins['git-user'];
  return {
    ...settings,
    branch: undefined,
    path: '',
    'git-token-file': isSameHost ? settings['git-token-file'] : undefined,
    // A flag without effect here has one at the other repository.
    origins: isSameHost && user !== undefined ? { 'git-user': user } : {},
  };
}

function hostOf(location: string | undefined): string | undefined {
  const address = location === undefined ? undefined : parseSource(location);
  const url = address?.kind === 'git' ? parseUrl(address.url) : undefined;
  return url && /^https?:$/.test(url.protocol) ? `${url.protocol}//${url.host}` : undefined;
}
