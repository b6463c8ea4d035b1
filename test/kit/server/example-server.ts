import { cp, readFile, readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { createSimplePolicy } from '../../../generator/policy/policy.ts';
import { createDirectorySource } from '../../../generator/sources/directory/directory.ts';
import { WEBHOOK_FORGES } from '../../../server/follow/webhook/proofs/webhook-forges.ts';
import type { ServerOptions } from '../../../server/server-options.ts';
import { type RunningServer, startServer } from '../../../server/start-server.ts';
import { makeTemporary, removeTemporary } from '../temporary.ts';
import { gpgv, openMessage } from '../samples/samples.ts';
import { captureLines, type CapturedLines } from './captured-lines.ts';
import { Troubles } from '../../../server/troubles/troubles.ts';
import { createGate } from './gate.ts';
import { createProgramLog } from '../../../generator/system/program-log.ts';
import { countFailures } from './no-failures.ts';

export const EXAMPLE = join(import.meta.dirname, '../../../signatures');
/** Two signatures lie here. */
export const TWICE =
  'team/app@sha256=fd0118b4f362945d78d3b6cda1a8b6f36b7d2b01b893d92a1b37d81bfe79e801';

export interface ExampleServer extends RunningServer {
  readonly directory: string;
  /** The bytes at every location, by path without leading slash. */
  readonly files: ReadonlyMap<string, Buffer>;
  readonly accessLog: CapturedLines;
  readonly programLog: CapturedLines;
}

/** Serves a copy of the example repository from a port of its own, once it is loaded. */
export async function startExample(options: Partial<ServerOptions> = {}): Promise<ExampleServer> {
  const root = await makeTemporary();
  // Not at the top: the directory around it is watched too, and in /tmp much goes on.
  const directory = join(root, 'source');
  await cp(EXAMPLE, directory, { recursive: true });
  const files = await readSignatures(directory);
  const accessLog = captureLines();
  const programLog = captureLines();
  const loaded = createGate();
  const { troubles = new Troubles(() => new Date()) } = options;
  const log = createProgramLog(programLog.stream);
  const server = await startServer({
    source: await createDirectorySource(directory, ''),
    policy: await createSimplePolicy(undefined),
    openMessage,
    engines: 'none',
    gpgvVersion: () => gpgv?.version,
    lookForGpgv: async () => undefined,
    hasGpgv: async () => gpgv !== undefined,
    now: () => new Date(),
    tried: undefined,
    older: undefined,
    numbers: undefined,
    cacheMissing: 0,
    checkpointFile: undefined,
    refusedFile: undefined,
    troubles,
    failures: countFailures(troubles, log),
    webhookSecrets: [],
    notifySecrets: [],
    tls: undefined,
    onInvalid: 'quarantine',
    listen: { host: '127.0.0.1', port: 0 },
    statusListen: { host: '127.0.0.1', port: 0 },
    poll: 0,
    accessLog: 'combined',
    accessLogSink: accessLog,
    trustedProxies: [],
    webhookForges: WEBHOOK_FORGES,
    url: undefined,
    commitUrl: undefined,
    program: { version: '1.2.3', nodeVersion: process.version, cpuUsage: () => process.cpuUsage() },
    log,
    onServing: loaded.open,
    ...options,
  });
  if (options.source === undefined) await loaded.wait();
  const stop = async (): Promise<void> => {
    await server.stop();
    await removeTemporary(root);
  };
  return { ...server, stop, directory, files, accessLog, programLog };
}

async function readSignatures(directory: string): Promise<ReadonlyMap<string, Buffer>> {
  const found = await readdir(directory, { recursive: true, withFileTypes: true });
  const paths = found
    .filter((entry) => entry.name.startsWith('signature-'))
    .map((entry) => join(entry.parentPath, entry.name));
  const read = async (path: string): Promise<[string, Buffer]> => [
    relative(directory, path),
    await readFile(path),
  ];
  return new Map(await Promise.all(paths.map(read)));
}
