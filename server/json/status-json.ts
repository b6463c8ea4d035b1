import { formatEnd } from '../../generator/openpgp/keys/key-state.ts';
import { listKeyFaults } from '../../generator/policy/key-faults.ts';
import { sortByPath } from '../../generator/store/report.ts';
import { toLine } from '../../generator/terms/text.ts';
import type { RememberedLoss } from '../lost/lost-file.ts';
import { shareOf } from '../lost/lost-signatures.ts';
import type { StatusServices } from '../status/services.ts';

/** What `/status.json` says, in its version 1: members are added, none changes its meaning. */
export function toStatusJson(services: StatusServices): object {
  const { source, refresher, policy, refused, troubles, readings, reloadedAt, program } = services;
  const store = refresher.store();
  const signers = store?.signers ?? new Map<string, never>();
  const { keys = [], lives } = policy().keyring ?? {};
  const isInUse = (subkey: string): boolean => store?.hasSigned(subkey) ?? false;
  return {
    version: 1,
    program: { version: program.version, nodeVersion: program.nodeVersion },
    source: { kind: source.kind, location: source.location, branch: source.branch() ?? null },
    ...refresher.status(),
    reloadedAt: new Date(reloadedAt()).toISOString(),
    files: Array.from(readings(), ([kind, { isGood, goodAt }]) => ({
      kind,
      isGood,
      readAt: new Date(goodAt).toISOString(),
    })),
    troubles: troubles.list(),
    lost: toLostJson(refresher.lost().loss, store?.signatures ?? 0),
    signatures: store?.signatures ?? 0,
    images: store?.images ?? 0,
    repositories: store?.repositories ?? 0,
    releases: store?.releases.size ?? 0,
    summary: store?.summary ?? null,
    keys: keys.map((key) => {
      const { fingerprint, userIds } = key;
      const expires = formatEnd(key, lives?.get(fingerprint), isInUse);
      const signed = signers.get(fingerprint) ?? NONE;
      return { fingerprint, userIds, expires, signed };
    }),
    keyFaults: listKeyFaults(policy()).map(({ scope, code, message, hint }) => ({
      scope,
      code,
      message: toLine(message),
      hint: toLine(hint),
    })),
    refused: { images: refused.count(), dropped: refused.dropped() },
    rejected: sortByPath(refresher.rejected()),
  };
}

/** Texts of files and commits are escaped as JSON is sent. */
function toLostJson(loss: RememberedLoss | undefined, served: number): object | null {
  if (!loss) return null;
  const { files, ...told } = loss;
  const shown = files.map(({ path, code, signer, identity, lacks }) => ({
    path,
    code,
    signer: signer ?? null,
    identity,
    lacks,
  }));
  return { ...told, share: shareOf(loss.signatures, served), files: shown };
}

const NONE = { signatures: 0, images: 0, soleImages: 0 };
