// Status pages with facts that a test makes up, served from a port of its own.
import { ManifestMemory } from '../../../generator/resolve/manifest-memory.ts';
import { Resolutions } from '../../../server/resolve/resolutions.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CheckedFile } from '../../../generator/gate/checked-file.ts';
import type { Reason } from '../../../generator/explain/reason.ts';
import { findReasons } from '../../../generator/explain/find-reasons.ts';
import type { Policy } from '../../../generator/policy/policy.ts';
import { createSimplePolicy } from '../../../generator/policy/policy.ts';
import type { RejectedFile } from '../../../generator/store/report.ts';
import { changeOf } from '../../generator/explain/change-of.ts';
import type { HistoryChange, HistoryCommit } from '../../../generator/sources/source.ts';
import { SignatureStore } from '../../../generator/store/store.ts';
import { listen } from '../../../server/listen/listener.ts';
import type { MinuteCounts } from '../../../server/metrics/lookup-counts.ts';
import { createProgramLog } from '../../../generator/system/program-log.ts';
import type { RefreshStatus } from '../../../server/follow/refresher.ts';
import type { RefusedPull, ResolvedPull } from '../../../server/refused/refused-pull.ts';
import { createStatusApp } from '../../../server/status-app.ts';
import type { StatusServices } from '../../../server/status/services.ts';
import { type CapturedLines, captureLines } from '../../kit/server/captured-lines.ts';
import { createMemorySource } from '../../kit/server/memory-source.ts';
import { countFailures } from '../../kit/server/no-failures.ts';
import { Troubles } from '../../../server/troubles/troubles.ts';

/** What the pages tell; a test may change it while they are open. */
export interface StatusWorld {
  store: SignatureStore | undefined;
  status: RefreshStatus;
  readonly troubles: Troubles;
  policy: Policy;
  location: string;
  refused: readonly RefusedPull[];
  /** Of a state that is refused. */
  refusedFiles: readonly RejectedFile[];
  resolved: readonly ResolvedPull[];
  dropped: number;
  minutes: readonly MinuteCounts[];
  startedAt: number;
  lastChange: (path: string) => Promise<HistoryCommit | undefined>;
  commitUrl: string | undefined;
}

export interface StatusServer {
  readonly url: string;
  readonly world: StatusWorld;
  readonly programLog: CapturedLines;
  readonly stop: () => Promise<void>;
}

export const MINUTE = 60_000;
const COMMIT = 'c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00';

/** A world in which nothing is served but some files. */
export async function makeWorld(...files: readonly CheckedFile[]): Promise<StatusWorld> {
  const store = new SignatureStore();
  store.prepare(files).apply();
  const now = Date.now();
  const at = new Date(now - 42 * MINUTE).toISOString();
  return {
    store,
    status: {
      generation: { number: 1, commit: COMMIT, loadedAt: at },
      lastRefresh: { at, reason: 'poll', result: 'changed', durationMs: 12 },
      lastError: null,
      runningSince: null,
    },
    troubles: new Troubles(() => new Date()),
    policy: await createSimplePolicy(undefined),
    location: 'https://git.example.com/team/signatures.git',
    refused: [],
    refusedFiles: [],
    resolved: [],
    dropped: 0,
    minutes: Array.from({ length: 60 }, (_, index) => ({
      at: new Date(now - (60 - index) * MINUTE).toISOString(),
      served: 0,
      end: 0,
      unsigned: 0,
      unknown: 0,
      loading: 0,
    })),
    startedAt: 0,
    lastChange: async () => undefined,
    commitUrl: undefined,
  };
}

/** Lookups of an image without signatures. */
export function refusedPull(directory: string, pull: Partial<RefusedPull> = {}): RefusedPull {
  const lastSeen = Date.now() - 3 * MINUTE;
  const usual = { count: 1, firstSeen: lastSeen, lastSeen, clients: ['10.0.0.7'] };
  return { directory, ...usual, hasMoreClients: false, ...pull };
}

/** What the pages ask, answered out of a world. */
export function servicesOf(world: StatusWorld, log: CapturedLines): StatusServices {
  const source = createMemorySource({ commit: 'a', files: {} });
  const rejectedOf = (hex: string): readonly RejectedFile[] => [
    ...(world.store?.rejectedOf(hex) ?? []),
    ...world.refusedFiles.filter(({ path }) => path.includes(hex)),
  ];
  const reasons = new Map<string, Reason>();
  return {
    source: {
      ...source,
      get location() {
        return world.location;
      },
    },
    refresher: {
      store: () => world.store,
      status: () => world.status,
      rejectedCodes: () => world.store?.rejectedCodes ?? new Map<never, never>(),
      rejected: () => [...(world.store?.rejectedFiles() ?? []), ...world.refusedFiles],
      rejectedOf,
      newestCommit: () => null,
      request: () => undefined,
      lost: () => ({ loss: undefined, total: 0, acknowledge: () => 0 }),
    },
    readiness: {
      get state() {
        return world.store ? 'ready' : 'loading';
      },
    },
    policy: () => world.policy,
    resolutions: new Resolutions({
      store: () => world.store,
      policy: () => world.policy,
      memory: new ManifestMemory(),
      learner: undefined,
      lastChange: async () => undefined,
      now: () => new Date(),
    }),
    now: () => new Date(),
    refused: {
      find: (directory) => world.refused.find((pull) => pull.directory === directory),
      list: () => world.refused,
      count: () => world.refused.length,
      resolved: () => world.resolved,
      dropped: () => world.dropped,
    },
    reasons: {
      of: async (directories, patience) => {
        const { store } = world;
        const lastChange = async (path: string) => changeIn(world, path);
        if (!store) return new Map();
        const found = findReasons(directories, { store, rejectedOf, lastChange }).then((all) => {
          for (const [directory, reason] of all) reasons.set(directory, reason);
          return all;
        });
        return Promise.race([found, sleep(patience, new Map<string, Reason>(), { ref: false })]);
      },
      found: () => reasons,
      lastChange: async (path) => changeIn(world, path),
    },
    metrics: { read: async () => ({ contentType: 'text/plain', text: '' }) },
    lookups: { lastHour: () => world.minutes, startedAt: world.startedAt },
    troubles: world.troubles,
    readings: () => new Map(),
    program: { version: '1.2.3', nodeVersion: 'v24.0.0' },
    get commitUrl() {
      return world.commitUrl;
    },
    reloadedAt: () => world.startedAt,
    failures: countFailures(world.troubles, createProgramLog(log.stream)),
    log: createProgramLog(log.stream),
  };
}

async function changeIn(world: StatusWorld, path: string): Promise<HistoryChange | undefined> {
  const commit = await world.lastChange(path);
  return commit && changeOf(commit, path);
}

/** Serves the pages as the status listener does. */
export async function startStatus(world: StatusWorld, port = 0): Promise<StatusServer> {
  const programLog = captureLines();
  const services = servicesOf(world, programLog);
  const listener = await listen({
    host: '127.0.0.1',
    port,
    tls: undefined,
    onError: throwAgain,
    handle: createStatusApp(services),
  });
  return { url: listener.url, world, programLog, stop: async () => listener.stop() };
}

function throwAgain(error: Error): void {
  throw error;
}
