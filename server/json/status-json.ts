import { formatEnd } from '../../generator/openpgp/keys/key-state.ts';
import { listKeyFaults } from '../../generator/policy/key-faults.ts';
import { sortByPath } from '../../generator/store/report.ts';
import { toLine } from '../../generator/terms/text.ts';
import type { StatusServices } from '../status/services.ts';

/** What `/status.json` says, in its version 1: members are added, none changes its meaning. */
export function toStatusJson(services: StatusServices): object {
  const { source, refresher, policy, refused, troubles, reloadedAt } = services;
  const store = refresher.store();
  const signers = store?.signers ?? new Map<string, never>();
  const { keys = [], lives } = policy().keyring ?? {};
  const isInUse = (subkey: string): boolean => store?.hasSigned(subkey) ?? false;
  return {
    version: 1,
    source: { kind: source.kind, location: source.location, branch: source.branch() ?? null },
    ...refresher.status(),
    reloadedAt: new Date(reloadedAt()).toISOString(),
    troubles: troubles.list(),
    signatures: store?.signatures ?? 0,
    images: store?.images ?? 0,
    repositories: store?.repositories ?? 0,
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

const NONE = { signatures: 0, images: 0, soleImages: 0 };
