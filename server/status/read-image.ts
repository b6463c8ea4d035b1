import { setTimeout as sleep } from 'node:timers/promises';
import type { HistoryCommit } from '../../generator/sources/source.ts';
import { findRejected } from '../search/find-rejected.ts';
import { ON_A_PAGE } from '../search/searches.ts';
import { PATIENCE } from './explain-pulls.ts';
import type { PageRequest } from './page.ts';
import { parseDirectory } from '../../generator/terms/location.ts';
import type { FoundReason } from './parts/overview-facts.ts';
import type { ImageFacts, ShownSignature } from './render-image.ts';
import type { StatusServices } from './services.ts';

/** Gathers what is known of an image. */
export async function readImage(
  directory: string,
  { services, searches, now }: Pick<PageRequest, 'services' | 'searches' | 'now'>,
): Promise<ImageFacts> {
  const { refresher, refused, reasons } = services;
  const signatures = await readSignatures(directory, services);
  const pull = refused.find(directory);
  const { digestHex = '' } = parseDirectory(directory) ?? {};
  const rejected = await findRejected(refresher.rejectedOf(digestHex), {
    matches: () => true,
    after: '',
    limit: ON_A_PAGE,
  });
  const findReason = async (): Promise<FoundReason> => {
    if (!refresher.store()) return 'nothing-loaded';
    // Git is not asked of whatever strangers make up.
    if (!pull && rejected.total === 0) return searches.reason(directory);
    return (await reasons.of([directory], PATIENCE)).get(directory);
  };
  const reason = signatures.length === 0 ? await findReason() : undefined;
  return {
    now,
    directory,
    signatures,
    pull: pull && { ...pull, reason },
    reason,
    rejected,
  };
}

async function readSignatures(
  directory: string,
  { refresher, policy, reasons }: StatusServices,
): Promise<readonly ShownSignature[]> {
  const store = refresher.store();
  if (!store) return [];
  const files = store.servedFilesIn(directory);
  const warnings = new Map(
    store
      .filesIn(directory)
      .flatMap((file) => ('warnings' in file ? [[file.path, file.warnings] as const] : [])),
  );
  const userIds = new Map(
    policy().keyring?.keys.map((key) => [key.fingerprint, key.userIds] as const),
  );
  const commits = await findChanges(
    files.map(({ path }) => path),
    async (path) => reasons.lastChange(path, 'served'),
  );
  return files.map(({ path, signature, older }, index) => ({
    number: index + 1,
    path,
    signature,
    warnings: warnings.get(path) ?? [],
    userIds: userIds.get(signature.signer?.primaryFingerprint ?? ''),
    // What last changed the path brought the file after it.
    commit: older ? undefined : commits.get(path),
  }));
}

/** One after the other, as far as git answers in time; the rest is asked for the next time. */
async function findChanges(
  paths: readonly string[],
  lastChange: (path: string) => Promise<HistoryCommit | undefined>,
): Promise<ReadonlyMap<string, HistoryCommit | undefined>> {
  const changes = new Map<string, HistoryCommit | undefined>();
  const late = sleep<'late'>(PATIENCE, 'late', { ref: false });
  for (const path of paths) {
    const change = await Promise.race([lastChange(path), late]);
    if (change === 'late') break;
    changes.set(path, change);
  }
  return changes;
}
