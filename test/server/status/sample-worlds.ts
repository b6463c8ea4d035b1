// Worlds that the status pages are looked at in.
import type { CheckedFile } from '../../../generator/gate/checked-file.ts';
import type { Signature } from '../../../generator/gate/judge.ts';
import type { KeyInfo } from '../../../generator/openpgp/keyring.ts';
import { type Policy, createScope } from '../../../generator/policy/policy.ts';
import {
  formatDirectory,
  formatLocation,
  parseLocation,
} from '../../../generator/terms/location.ts';
import { reject } from '../../../generator/terms/rejection.ts';
import { publishable } from '../../kit/samples/samples.ts';
import { BLUE, GREEN, RED, fingerprintOf, policyOf, signedBy } from '../landing/policies.ts';
import { MINUTE, type StatusWorld, makeWorld, refusedPull } from './page-server.ts';

const DAY = 1440 * MINUTE;
const RELEASE = createScope('registry.example.com/team', undefined, []);

/** 64 digits that differ from the first on. */
export function hexOf(index: number): string {
  return (index * 2_654_435_761 + 1).toString(16).padStart(16, '9').slice(-16).repeat(4);
}

export function directoryOf(repository: string, index: number): string {
  return formatDirectory(repository, hexOf(index));
}

/** A signature of an image with a tag. */
export function signed(
  directory: string,
  number: number,
  fingerprint: string,
  more: Partial<Signature> = {},
): CheckedFile {
  const path = formatLocation(directory, number);
  const { repository = '', digestHex = '' } = parseLocation(path) ?? {};
  return publishable(path, {
    claims: {
      dockerReference: `registry.example.com/${repository}:1.${number}`,
      manifestDigest: `sha256:${digestHex}`,
      creator: 'atomic',
      timestamp: Math.floor(Date.now() / 1000) - 3600,
    },
    signer: { fingerprint, primaryFingerprint: fingerprint },
    signedAt: Date.now() - 3 * DAY,
    scope: RELEASE,
    ...more,
  });
}

/** A file that nodes would choke on. */
export function faulty(path: string): CheckedFile {
  return {
    kind: 'rejected',
    path,
    directory: parseLocation(path)?.directory,
    entry: { kind: 'file', path, size: 1, id: path },
    rejection: reject('armored', 'expected binary OpenPGP, got ASCII armor', { breaksPulls: true }),
  };
}

/** Three keys: one that does not end, one that ends soon, and one that has ended. */
export async function samplePolicy(): Promise<Policy> {
  const ends = [null, Date.now() + 12 * DAY, Date.now() - DAY];
  const policy = await policyOf({ '': [await signedBy([RED, BLUE, GREEN])] });
  return changeKeys(policy, (key, index) => ({
    ...key,
    expires: toIso(ends[index] ?? null),
    userIds: [`Release ${index + 1} <release-${index + 1}@example.com>`],
  }));
}

function toIso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}

/** A policy with other words about its keys. */
export function changeKeys(
  policy: Policy,
  change: (key: KeyInfo, index: number) => KeyInfo,
): Policy {
  const { keyring } = policy;
  return { ...policy, keyring: keyring && { ...keyring, keys: keyring.keys.map(change) } };
}

/** Everything is as it should be. */
export async function wellWorld(): Promise<StatusWorld> {
  const red = await fingerprintOf(RED);
  const images = Array.from({ length: 5 }, (_, index) =>
    signed(directoryOf(index < 3 ? 'team/app' : 'base/alpine', index), 1, red, {
      signedAt: Date.now() - index * DAY,
    }),
  );
  const world = await makeWorld(...images, signed(directoryOf('team/app', 0), 2, red));
  const minutes = world.minutes.map((minute, index) => {
    const served = Math.round(400 + 250 * Math.sin(index / 7));
    return { ...minute, served, end: served, unknown: index % 9 === 0 ? 3 : 0 };
  });
  return { ...world, policy: await policyOf({ '': [await signedBy([RED])] }), minutes };
}

/** Pulls are refused for every reason there is, and the newest state is not served. */
export async function troubleWorld(): Promise<StatusWorld> {
  const red = await fingerprintOf(RED);
  const blue = await fingerprintOf(BLUE);
  const quarantined = directoryOf('team/app', 10);
  const removed = directoryOf('team/worker', 11);
  const gone = directoryOf('other/name', 12);
  const world = await makeWorld(
    ...[0, 1, 2].map((index) => signed(directoryOf('team/app', index), 1, red)),
    signed(directoryOf('team/app', 0), 3, blue),
    signed(directoryOf('mirror/team/tool', 13), 1, blue),
    signed(directoryOf('base/alpine', 14), 1, red),
    faulty(formatLocation(quarantined, 1)),
    faulty(`team/app@sha256:${hexOf(15)}/signature-1`),
  );
  const commit = {
    id: 'feed5eed'.repeat(5),
    author: { name: 'Ada Example', email: 'ada@example.com' },
    date: new Date(Date.now() - 5 * 60 * MINUTE).toISOString(),
    subject: 'Sign team/app 1.4.2',
  };
  const now = Date.now();
  return {
    ...world,
    status: {
      ...world.status,
      lastError: {
        at: new Date(now - 2 * MINUTE).toISOString(),
        message: 'refresh failed: cannot fetch: Could not resolve host: git.example.com',
      },
    },
    policy: await samplePolicy(),
    lastChange: async (path) =>
      path === removed || path.startsWith('team/app@') ? commit : undefined,
    refused: [
      refusedPull(quarantined, {
        count: 1284,
        firstSeen: now - 40 * MINUTE,
        clients: ['10.0.0.7', '10.0.0.8', 'fd00::17'],
        hasMoreClients: true,
      }),
      refusedPull(removed, { count: 12, firstSeen: now - 9 * MINUTE }),
      refusedPull(directoryOf('team/tool', 13)),
      refusedPull(directoryOf('base/alpine', 16)),
      refusedPull(gone, { lastSeen: now - DAY, firstSeen: now - DAY }),
    ],
    resolved: [
      {
        ...refusedPull(directoryOf('team/app', 0), { count: 9, firstSeen: now - 30 * MINUTE }),
        arrivedAt: now - 26 * MINUTE,
        commit: commit.id,
      },
    ],
    minutes: world.minutes.map((minute, index) => {
      const unsigned = index > 50 ? (index * 7) % 5 : 0;
      return Object.assign(minute, { served: 90 + ((index * 37) % 41), end: 80, unsigned });
    }),
  };
}

/** More of everything than there is room for. */
export async function fullWorld(): Promise<StatusWorld> {
  const red = await fingerprintOf(RED);
  const images = Array.from({ length: 130 }, (_, index) =>
    signed(directoryOf(`team/${'long-'.repeat(index % 12)}app`, index), 1, red),
  );
  const ofOne = Array.from({ length: 120 }, (_, index) =>
    signed(directoryOf('team/app', 1000 + index), 1, red, { signedAt: 1e12 + index * DAY }),
  );
  const faults = Array.from({ length: 130 }, (_, index) =>
    faulty(`team/app-${String(index).padStart(3, '0')}@sha256:${hexOf(index)}/signature-1`),
  );
  const world = await makeWorld(...images, ...ofOne, ...faults);
  const refused = Array.from({ length: 130 }, (_, index) =>
    refusedPull(directoryOf(`wanted/app-${index}`, 2000 + index), {
      lastSeen: Date.now() - index * MINUTE,
    }),
  );
  return { ...world, policy: await samplePolicy(), refused, dropped: 17 };
}
