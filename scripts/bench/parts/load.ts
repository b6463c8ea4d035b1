import { connectAtRate } from '../client/connect-at-rate.ts';
import { holdConnections } from '../client/hold-connections.ts';
import { type Lookup, listLookups } from '../client/lookups.ts';
import type { Bench, Part } from '../part.ts';
import { LOADED_SIGNATURES, serveLoaded } from './serve-loaded.ts';
import { measureTls } from './measure-tls.ts';
import { readDescriptorLimit } from '../process/proc.ts';
import { atLeast, atMost } from '../report/goals.ts';
import type { Findings, Row } from '../report/result.ts';
import { toRow } from '../report/rows.ts';
import { quantile } from '../report/statistics.ts';
import { formatCount } from '../sizes.ts';
import { type CleanupScope, withCleanup } from '../with-cleanup.ts';

const CONNECTIONS = 10_000;
/** Descriptors for all but the connections, on either side. */
const SPARE_DESCRIPTORS = 1_000;
const TIMES_ASKED = 3;
const ASK_RATE = 3_000;
const CONNECT_RATE = 1_000;
const CONNECT_SECONDS = 10;

/** Many connections, many new ones, and TLS. */
export const load: Part = {
  name: 'load',
  title: 'Many connections, new connections, TLS',
  tools: ['git', 'nginx', 'wrk', 'openssl'],
  measure: async (bench) => {
    const lookups = await listLookups(bench.data, LOADED_SIGNATURES);
    const plain = await withCleanup(async (scope) => measurePlain(bench, scope, lookups));
    const rows = await withCleanup(async (scope) => measureTls(bench, scope, lookups));
    return { ...plain, rows: [...plain.rows, ...rows] };
  },
};

async function measurePlain(
  bench: Bench,
  scope: CleanupScope,
  lookups: readonly Lookup[],
): Promise<Findings> {
  const { say } = bench;
  const descriptors = readDescriptorLimit();
  const connections = Math.min(CONNECTIONS, descriptors - SPARE_DESCRIPTORS);
  const server = await serveLoaded(bench, scope);
  const held = await holdConnections(server, lookups, {
    connections,
    times: TIMES_ASKED,
    rate: ASK_RATE,
  });
  say(`${connections} connections: ${held.wrong} wrong`);
  const count = CONNECT_RATE * CONNECT_SECONDS;
  const fresh = await connectAtRate(server, lookups, { rate: CONNECT_RATE, count });
  say(`${CONNECT_RATE} new connections a second: ${fresh.wrong} wrong`);
  const holding = `${formatCount(connections)} connections held`;
  const connecting = `${formatCount(CONNECT_RATE)} new connections a second`;
  return {
    rows: [
      row(`p50, ${holding}`, held.latencies, 0.5),
      row(`p99, ${holding}`, held.latencies, 0.99),
      row(`p50, ${connecting}`, fresh.latencies, 0.5),
      row(`p99, ${connecting}`, fresh.latencies, 0.99),
    ],
    goals: [
      atLeast('connections held at once', held.held, CONNECTIONS, ''),
      atMost('wrong answers on connections held', held.wrong, 0, ''),
      atLeast('new connections a second', Math.round(fresh.perSecond), CONNECT_RATE, ''),
      atMost('wrong answers on new connections', fresh.wrong, 0, ''),
    ],
    notes: [
      `Each of the connections held is asked ${TIMES_ASKED} times, ${formatCount(ASK_RATE)} lookups a second in all. New connections come for ${CONNECT_SECONDS} s, each for one lookup; their figures count from the connect.`,
      ...(connections < CONNECTIONS
        ? [
            `Only ${connections} connections: a process may have ${descriptors} descriptors here (ulimit -n).`,
          ]
        : []),
      'TLS: an ECDSA P-256 certificate, the same on both sides, 32 connections; for handshakes each lookup has a connection of its own.',
    ],
    charts: [],
  };
}

function row(figure: string, latencies: readonly number[], share: number): Row {
  return toRow('lookaside', figure, 'ms', [quantile(latencies, share)]);
}
