// `lookaside probe URL`: what a store answers to nodes, and which of it would fail pulls; for people who
// set up a web server or a bucket, and for monitoring.
import { type ProbeReport, probeStore } from '../../generator/probe/probe-store.ts';
import { type ProbedStore, parseStoreAddress } from '../../generator/probe/store-address.ts';
import type { Keyring } from '../../generator/openpgp/keyring.ts';
import { joinKeyrings } from '../../generator/openpgp/read-keyring.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import { StoreUrlError } from '../../generator/nodes/store-url.ts';
import { assertFormat } from '../base/assert-format.ts';
import { toBudgets } from '../base/budget-options.ts';
import type { Settings } from '../base/options.ts';
import { write, type ProcessIo } from '../base/process-io.ts';
import { UsageError } from '../base/usage-error.ts';
import { openEngines } from '../inputs/open-engines.ts';
import { withTemporaryState } from '../inputs/open-source.ts';
import { readPolicy, warnOfKeyFaults } from '../inputs/read-policy.ts';
import { findUnreadKeyFiles } from '../inputs/unread-key-files.ts';
import { formatProbe } from './format-probe.ts';
import { readImageList } from './read-image-list.ts';
import { STORE_PATIENCE, findAddresses, readSystemTrust } from './system-network.ts';

/** Milliseconds. */
const SLOW_AFTER = 2000;
/** Caches count seconds. Milliseconds. */
const PAUSE = 1100;
const URL_HINT =
  'give the address as nodes have it in registries.d, like https://signatures.example.com';

/**
 * 0 where no pull fails because of the store, 1 where some would, or with --strict may; 2 where no address of the
 * store can be reached, or the time was over.
 */
export async function probe(url: string, settings: Settings, io: ProcessIo): Promise<number> {
  assertFormat('probe', settings);
  const store = readAddress(url);
  const [policy, images, trusted] = [
    await readPolicy(settings),
    await readImageList(settings.images, io),
    await readSystemTrust(io.environment),
  ];
  warnOfKeyFaults(policy, io.stderr);
  for (const warning of await findUnreadKeyFiles(settings)) {
    io.stderr.write(`lookaside: warning: ${warning}\n`);
  }
  const report = await withTemporaryState(io.signals, async (directory, ending) => {
    const { openMessage, close } = await openEngines(
      io.environment,
      directory,
      toBudgets(settings),
    );
    try {
      return await probeStore(store, {
        images,
        trusted,
        ending,
        reading: { keyring: await findKeyring(policy, store), openMessage },
        lookup: findAddresses,
        now: new Date(),
        timeLimit: settings.timeout,
        expiryWarning: settings['expiry-warning'],
        patience: STORE_PATIENCE,
        slowAfter: SLOW_AFTER,
        pause: PAUSE,
      });
    } finally {
      await close();
    }
  });
  await write(io.stdout, formatProbe(report, settings.format === 'json', io));
  return toExitCode(report, settings.strict);
}

/** @throws UsageError */
function readAddress(text: string): ProbedStore {
  try {
    const store = parseStoreAddress(text);
    if (store.url.protocol !== 'file:') return store;
  } catch (cause) {
    if (!(cause instanceof StoreUrlError)) throw cause;
    throw new UsageError(`URL: ${cause.message}`, URL_HINT, { cause });
  }
  throw new UsageError(`URL: expected http or https, got ${JSON.stringify(text)}`, URL_HINT);
}

/** The keys of the scopes that have their signatures in the store; of none, those of our own. */
async function findKeyring(
  { scopes, keyring }: Policy,
  { base }: ProbedStore,
): Promise<Keyring | undefined> {
  const there = [...scopes.values()].filter((scope) => scope.store === base);
  if (there.length === 0) return keyring;
  const keyrings = there.flatMap(({ signedBy }) => signedBy.map((one) => one.keyring));
  const known = keyrings.filter(({ keys }) => keys.length > 0);
  return known.length > 0 ? joinKeyrings(known) : undefined;
}

function toExitCode({ verdict, findings }: ProbeReport, isStrict: boolean): number {
  switch (verdict) {
    case 'unreachable':
    case 'unfinished':
      return 2;
    case 'fails-pulls':
      return 1;
    case 'good':
      return isStrict && findings.some(({ severity }) => severity === 'risk') ? 1 : 0;
  }
}
