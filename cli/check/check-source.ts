// One pass over a source that is open.
import type { Judge } from '../../generator/gate/judge.ts';
import { formatEnd } from '../../generator/openpgp/keys/key-state.ts';
import { listKeyFaults } from '../../generator/policy/key-faults.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import type { Pass, ReadableSource, Snapshot, Source } from '../../generator/sources/source.ts';
import { Checkpoint } from '../../generator/store/checkpoint/checkpoint.ts';
import { CheckpointFile } from '../../generator/store/checkpoint/checkpoint-file.ts';
import {
  SharedVerdicts,
  createVerdictIds,
} from '../../generator/store/checkpoint/shared-verdict.ts';
import { loadStore } from '../../generator/store/load-store.ts';
import type { CheckReport } from '../../generator/store/report.ts';
import { isStrayDotFile } from '../../generator/terms/location.ts';
import type { SignatureStore } from '../../generator/store/store.ts';
import type { Settings } from '../base/options.ts';
import type { ProcessIo } from '../base/process-io.ts';
import type { Engines } from '../inputs/open-engines.ts';
import { stateFile } from '../inputs/state-file.ts';
import { Progress } from './progress.ts';

/** What one pass over a source found. */
export interface Checked extends Pick<
  CheckReport,
  'source' | 'keys' | 'signersUnchecked' | 'keyFaults'
> {
  readonly store: SignatureStore;
}

/** What a run works with. */
export interface Run {
  readonly location: string;
  readonly settings: Settings;
  readonly io: ProcessIo;
  readonly policy: Policy;
  readonly engines: Engines;
  readonly judge: Judge;
  readonly ending: AbortSignal;
}

/** `kept` is a directory for what the next run may go on from. */
export async function checkSource(
  source: ReadableSource | Source,
  run: Run,
  kept: string | undefined,
): Promise<Checked> {
  const { pass, load } = await openPass(source, run, kept);
  const progress = new Progress(pass, run.io);
  try {
    const store = await load(() => progress.step());
    const { commit } = pass;
    const { kind, location } = source;
    return {
      source: { kind, location, ...(commit !== undefined && { commit }) },
      ...reportKeys(run.policy, store),
      store,
    };
  } finally {
    progress.stop();
    await pass.close();
  }
}

/** What a report says of the keys of a policy; `store` knows which subkeys are in use. */
export function reportKeys(
  policy: Policy,
  store?: Pick<SignatureStore, 'hasSigned'>,
): Pick<CheckReport, 'keys' | 'signersUnchecked' | 'keyFaults'> {
  const keyFaults = listKeyFaults(policy);
  const isInUse = (subkey: string): boolean => store?.hasSigned(subkey) ?? false;
  const { keys: all = [], lives } = policy.keyring ?? {};
  const keys = all.map((key) => {
    const { fingerprint, userIds } = key;
    return { fingerprint, userIds, expires: formatEnd(key, lives?.get(fingerprint), isInUse) };
  });
  return {
    keys,
    ...(!policy.keyring && { signersUnchecked: true }),
    ...(keyFaults.length > 0 && { keyFaults }),
  };
}

interface OpenPass {
  readonly pass: Pass;
  readonly load: (onChecked: () => void) => Promise<SignatureStore>;
}

async function openPass(
  source: ReadableSource | Source,
  run: Run,
  kept: string | undefined,
): Promise<OpenPass> {
  if (kept !== undefined && canBeFollowed(source)) {
    const pass = await source.refresh();
    return { pass, load: async (onChecked) => goOn(source, pass, run, kept, onChecked) };
  }
  const pass = await source.refresh();
  const listsIgnored = run.settings.format === 'json' || isStrayDotFile;
  return {
    pass,
    load: async (onChecked) => loadStore(pass, run.judge, new Date(), onChecked, { listsIgnored }),
  };
}

/** Whether a source has a history. */
export function canBeFollowed(source: ReadableSource | Source): source is Source {
  return 'keep' in source;
}

/** From what the run before has kept, and keeps what the next one may go on from. */
async function goOn(
  source: Source,
  snapshot: Snapshot,
  { policy, engines, judge, settings, io }: Run,
  kept: string,
  onChecked: () => void,
): Promise<SignatureStore> {
  const now = new Date();
  const expiryWarning = settings['expiry-warning'];
  const made = `${engines.id}, OpenSSL ${io.openssl}, warning ${expiryWarning}`;
  const path = stateFile(kept, source.location, 'checkpoint');
  const checkpoint = new Checkpoint({
    file: new CheckpointFile(path, () => undefined),
    judge,
    policy,
    sharedVerdicts: new SharedVerdicts(
      policy,
      createVerdictIds(policy, made),
      () => engines.gpgv?.version,
    ),
    expiryWarning,
    effort: 'any',
    leavesLapsed: false,
    onUnused: () => undefined,
  });
  const restored = await checkpoint.restore(snapshot, { now, onChecked });
  const store = restored?.store ?? (await loadStore(snapshot, judge, now, onChecked));
  await checkpoint.keep(store, snapshot, 0);
  // A clone that is not noted grows: git packs nothing in it.
  await source.keep(snapshot).catch(() => undefined);
  return store;
}
