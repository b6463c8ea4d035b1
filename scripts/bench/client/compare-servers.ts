import type { Server } from '../process/serve-lookaside.ts';
import { type WrkRun, runWrk } from './wrk.ts';

export interface CompareOptions {
  readonly rounds: number;
  /** Of each run. */
  readonly seconds: number;
  readonly say: (line: string) => void;
}

/** Warms servers up, then asks one after the other, round by round, so that all share the weather. */
export async function compareServers(
  servers: readonly Server[],
  script: string,
  { rounds, seconds, say }: CompareOptions,
): Promise<(server: Server) => readonly WrkRun[]> {
  const runs = new Map<Server, WrkRun[]>(servers.map((server) => [server, []]));
  for (const server of servers) await runWrk(server, script, seconds);
  for (let round = 0; round < rounds; round++) {
    for (const server of servers) {
      const one = await runWrk(server, script, seconds);
      say(`${server.name}: ${Math.round(one.perCpuSecond)} a CPU-second`);
      runs.get(server)?.push(one);
    }
  }
  return (server) => runs.get(server) ?? [];
}
