import { makeCertificate } from '../../../test/kit/web/certificate-files.ts';
import { checkSample } from '../client/check-sample.ts';
import { compareServers } from '../client/compare-servers.ts';
import type { Lookup } from '../client/lookups.ts';
import { writeWrkScript } from '../client/wrk.ts';
import type { Bench } from '../part.ts';
import { startNginx } from '../peers/nginx.ts';
import type { Row } from '../report/result.ts';
import { toRow } from '../report/rows.ts';
import type { CleanupScope } from '../with-cleanup.ts';
import { LOADED_SIGNATURES, serveLoaded } from './serve-loaded.ts';

const ROUNDS = 3;
const SECONDS = 2;

/** TLS lookups and handshakes, beside nginx with the same certificate. */
export async function measureTls(
  bench: Bench,
  scope: CleanupScope,
  lookups: readonly Lookup[],
): Promise<Row[]> {
  const { data, say } = bench;
  const tls = await makeCertificate(await scope.directory());
  const tree = await data.tree(LOADED_SIGNATURES);
  const servers = [
    await serveLoaded(bench, scope, tls.args),
    scope.keep(await startNginx({ name: 'nginx', tree, home: await scope.directory(), tls })),
  ];
  for (const server of servers) await checkSample(server, lookups);
  const options = { rounds: ROUNDS, seconds: SECONDS, say };
  const rows: Row[] = [];
  for (const [what, close] of [
    ['TLS lookups', false],
    ['TLS handshakes', true],
  ] as const) {
    const script = await writeWrkScript(await scope.directory(), lookups, close);
    const runsOf = await compareServers(servers, script, options);
    for (const server of servers) {
      const runs = runsOf(server);
      rows.push(
        toRow(
          server.name,
          `${what} a CPU-second`,
          '1/s',
          runs.map((run) => run.perCpuSecond),
        ),
      );
      rows.push(
        toRow(
          server.name,
          `${what} a second`,
          '1/s',
          runs.map((run) => run.perSecond),
        ),
      );
    }
  }
  return rows;
}
