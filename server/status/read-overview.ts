import { toKeyState } from '../../generator/openpgp/key-state.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import type { SignatureStore } from '../../generator/store/store.ts';
import { ON_A_PAGE, type Searches } from '../search/searches.ts';
import { explainPulls } from './explain-pulls.ts';
import type { OverviewFacts, ServedCounts, StatusKey } from './parts/overview-facts.ts';
import type { StatusServices } from './services.ts';

/** "Lately", in milliseconds. */
const HOUR = 3_600_000;
/** Pulls to which signatures came. */
const RESOLVED = 20;

/** Gathers what the page at `/` tells. */
export async function readOverview(
  services: StatusServices,
  searches: Searches,
  now: Date,
): Promise<OverviewFacts> {
  const { source, refresher, policy, refused, lookups, troubles } = services;
  const pulls = refused.list();
  const [shown, newest, rejected] = await Promise.all([
    explainPulls(pulls.slice(0, ON_A_PAGE), services),
    searches.newest(),
    searches.rejected(''),
  ]);
  const status = refresher.status();
  const store = refresher.store();
  const resolved = refused.resolved();
  const since = now.getTime() - HOUR;
  return {
    now,
    source: { kind: source.kind, location: source.location, branch: source.branch() },
    status,
    troubles: troubles.list(),
    served: store && countServed(store),
    newest,
    refused: {
      total: pulls.length,
      lately: pulls.filter(({ lastSeen }) => lastSeen > since).length,
      resolvedLately: resolved.filter(({ lastSeen }) => lastSeen > since).length,
      dropped: refused.dropped(),
      shown,
    },
    resolved: resolved.slice(0, RESOLVED),
    rejected,
    keys: readKeys(policy(), store, now),
    minutes: lookups.lastHour(),
    countedSince: lookups.startedAt,
  };
}

function countServed({ signatures, images, repositories, signers }: SignatureStore): ServedCounts {
  return { signatures, images, repositories, signers: signers.size };
}

function readKeys(
  { keyring }: Policy,
  store: SignatureStore | undefined,
  now: Date,
): readonly StatusKey[] | undefined {
  return keyring?.keys.map((key) => ({
    ...key,
    state: toKeyState(key.expires, keyring.lives.get(key.fingerprint), now),
    signed: store?.signers.get(key.fingerprint),
  }));
}
