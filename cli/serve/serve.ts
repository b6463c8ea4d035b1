import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import { pino } from 'pino';
import type { LineSink } from '../../server/lookups/batch-lines.ts';
import { Failures } from '../../server/troubles/failures.ts';
import { Reload } from '../../server/follow/reload.ts';
import { type ProgramLog, createProgramLog } from '../../generator/system/program-log.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import type { Source } from '../../generator/sources/source.ts';
import { processStarts } from '../../generator/system/process-starts.ts';
import type { GivenUpFile } from '../../generator/openpgp/given-up-file.ts';
import type { CheckpointFile } from '../../generator/store/checkpoint/checkpoint-file.ts';
import { Troubles } from '../../server/troubles/troubles.ts';
import type { TlsFiles } from '../../server/listen/listener.ts';
import { type Reloadable, type RunningServer, startServer } from '../../server/start-server.ts';
import { toBudgets } from '../base/budget-options.ts';
import { Complaint, formatComplaint } from '../base/usage-error.ts';
import { NO_KEYS } from '../check/findings.ts';
import { openLastingEngines, warnOfMissingGpgv } from '../inputs/open-engines.ts';
import { STOPS, openSource } from '../inputs/open-source.ts';
import { openGivenUp } from './open-given-up.ts';
import { openCheckpoint } from './state-files.ts';
import { openOlder } from './open-older.ts';
import { openRefused } from './open-refused.ts';
import { openTried } from './open-tried.ts';
import { hasColour } from '../base/has-colour.ts';
import type { Settings } from '../base/options.ts';
import { readPolicy } from '../inputs/read-policy.ts';
import { readShownUrl } from '../inputs/read-store-url.ts';
import type { World } from '../base/process-io.ts';
import { messageOf } from '../../generator/terms/message-of.ts';

type AccessLogSink = ReturnType<typeof pino.destination>;

const STDOUT = 1;
/** Log lines are written together, at this size in bytes or after this time in milliseconds. */
const LOG_CHUNK = 8 * 1024;
const LOG_DELAY = 200;
/** Lines that nobody reads are dropped beyond this many bytes rather than kept. */
const LOG_LIMIT = 16 * 1024 * 1024;
const ABBREVIATED = 12;
/** What a checkpoint that is being written may keep a stop waiting. Milliseconds. */
const CHECKPOINT_PATIENCE = 5000;
/** The same of a state that the next start does not know of yet. Milliseconds. */
const NOTE_PATIENCE = 1000;
const NOTE_CHECK = 10;

const MORE_PROCESSES = 'raise the limit of processes of this user or container, or of its memory';
const NO_INIT =
  'this is process 1, which should be an init: what ssh and git leave behind stays until no process ' +
  'can be started. Use the entry point of the image, or run with --init';

function now(): Date {
  return new Date();
}

/** A signal to stop came before all was there. */
class StoppedAtStart extends Error {
  override readonly name = 'StoppedAtStart';
}

/** `lookaside serve SOURCE`: settles with the exit code when it was told to stop. */
export async function serve(source: string, settings: Settings, world: World): Promise<number> {
  try {
    return await run(source, settings, world);
  } catch (error) {
    if (error instanceof StoppedAtStart) return 0;
    throw error;
  }
}

async function run(source: string, settings: Settings, world: World): Promise<number> {
  const { signals, stderr } = world;
  // From the first moment to the last: unheard, this signal would end the process.
  let isReloadWanted = false;
  let wantReload = (): void => void (isReloadWanted = true);
  signals.on('SIGHUP', () => wantReload());
  const stopped = nextSignal(signals, STOPS);
  const stoppedAtStart = stopped.then((): never => {
    throw new StoppedAtStart();
  });
  stoppedAtStart.catch(() => undefined);
  // What hangs, as a git or a disk, does not keep a stop waiting.
  const orStopped = async <Result>(step: Promise<Result>): Promise<Result> =>
    Promise.race([step, stoppedAtStart]);
  const log = createProgramLog(stderr.isTTY === true ? await forTerminal(world) : stderr);
  const troubles = new Troubles(now);
  let sink: AccessLogSink | undefined;
  const failures = new Failures({
    troubles,
    log,
    elapsed: () => performance.now(),
    end: (why) => {
      stderr.write(formatComplaint(new Complaint(why)));
      flushNow(sink);
      world.exit(2);
    },
  });
  const takeFailure = (error: unknown): void => failures.take(error);
  world.failures.on('failure', takeFailure);
  const reload = new Reload({
    read: async () => {
      const next = await readReloadable(settings);
      warnOfKeys(next.policy);
      return next;
    },
    troubles,
    log,
  });
  if (isReloadWanted) reload.request();
  wantReload = () => reload.request();
  const shownUrl = readShownUrl(settings.url);
  const reloadable = await orStopped(readReloadable(settings));
  sink = openAccessLog();
  const accessLog = tellOfAccessLog(sink, troubles, log);
  const stopListening = tellOfProcesses(troubles, log);
  if (world.isInit === true) log.warn(NO_INIT);
  const ending = new AbortController();
  const engines = await openLastingEngines(world.environment, tmpdir(), toBudgets(settings));
  const warnOfKeys = (policy: Policy): void => {
    const warning = policy.keyring ? warnOfMissingGpgv(policy, engines) : NO_KEYS;
    if (warning !== undefined) log.warn(warning);
  };
  let opened: Source | undefined;
  let checkpoint: CheckpointFile | undefined;
  let givenUp: GivenUpFile | undefined;
  try {
    const { environment } = world;
    const opening = openSource(
      source,
      settings,
      settings['state-dir'],
      environment,
      ending.signal,
      async (path, subtree, _ending, budgets) => {
        const { createDirectorySource } =
          await import('../../generator/sources/directory/directory.ts');
        return createDirectorySource(path, subtree, budgets);
      },
    );
    opened = await orStopped(opening);
    checkpoint = await orStopped(
      openCheckpoint(settings['state-dir'], opened.location, troubles, log),
    );
    givenUp = openGivenUp(settings['state-dir'], opened.location, engines.givenUp, troubles, log);
    await orStopped(givenUp.open());
    warnOfKeys(reloadable.policy);
    const server = await startServer({
      ...reloadable,
      openMessage: engines.openMessage,
      paths: toBudgets(settings),
      engines: `${engines.id}, OpenSSL ${world.openssl}`,
      gpgvVersion: () => engines.gpgv.version,
      lookForGpgv: async () => {
        engines.givenUp.askAgain();
        await engines.gpgv.lookAgain();
      },
      hasGpgv: async () => (await engines.gpgv.find()) !== undefined,
      now,
      tried: openTried(settings['state-dir'], opened, log),
      older: openOlder(settings['state-dir'], opened.location, troubles, log),
      checkpointFile: checkpoint,
      refusedFile: openRefused(settings['state-dir'], opened.location, troubles, log),
      troubles,
      failures,
      source: opened,
      onInvalid: settings['on-invalid'],
      listen: settings.listen,
      statusListen: settings['status-listen'],
      maxConnections: settings['max-connections'],
      poll: settings.poll,
      accessLog: settings['access-log'],
      accessLogSink: accessLog,
      trustedProxies: settings['trusted-proxies'],
      url: shownUrl,
      log,
      onServing: (url, store, { commit }) => {
        const from = commit === null ? '' : ` (commit ${commit.slice(0, ABBREVIATED)})`;
        const what = `${store.signatures} signatures of ${store.repositories} repositories`;
        stderr.write(`lookaside: serving ${what} on ${url}${from}\n`);
      },
    }).catch((error: unknown) => {
      throw explainListenError(error);
    });
    reload.start(server.reload);
    log.info({ signal: await stopped }, 'stopping');
    // First of all, so that nobody connects any more.
    const listened = server.stop();
    await untilNoted(server);
    ending.abort();
    await Promise.all([listened, engines.close(), checkpoint?.close(CHECKPOINT_PATIENCE)]);
  } finally {
    ending.abort();
    await checkpoint?.close(0);
    await opened?.close();
    await engines.close();
    await givenUp?.close();
    stopListening();
    await flush(sink);
    world.failures.off('failure', takeFailure);
  }
  return 0;
}

/** What makes a log readable takes long to load, and services have no terminal. */
async function forTerminal({ stderr, environment }: World): Promise<NodeJS.WritableStream> {
  const { createTerminalStream } = await import('../../generator/system/terminal-stream.ts');
  return createTerminalStream(stderr, hasColour(stderr, environment));
}

function openAccessLog(): AccessLogSink {
  return pino.destination({
    dest: STDOUT,
    sync: false,
    minLength: LOG_CHUNK,
    maxLength: LOG_LIMIT,
    periodicFlush: LOG_DELAY,
  });
}

/** A reader that goes away, or a full disk, must not stop the server. */
function tellOfAccessLog(sink: AccessLogSink, troubles: Troubles, log: ProgramLog): LineSink {
  let hasFailed = false;
  const fail = (error: unknown): void => {
    const message = `the access log cannot be written: ${messageOf(error)}`;
    if (!hasFailed) log.error(message);
    hasFailed = true;
    troubles.raise('access-log', { message, hint: 'look at what reads standard output' });
  };
  sink.on('error', fail);
  sink.on('write', () => {
    if (!hasFailed) return;
    hasFailed = false;
    troubles.clear('access-log');
  });
  return {
    write: (lines) => {
      try {
        sink.write(lines);
      } catch (error) {
        fail(error);
      }
    },
  };
}

/** Tells while no process can be started. Gives the way to stop. */
function tellOfProcesses(troubles: Troubles, log: ProgramLog): () => void {
  return processStarts.listen({
    onStartFailure: ({ message }) => {
      troubles.raise('no-process', { message, hint: MORE_PROCESSES });
      log.error({ hint: MORE_PROCESSES }, `no process can be started: ${message}`);
    },
    onStarted: () => {
      troubles.clear('no-process');
      log.info('processes can be started again');
    },
  });
}

async function readReloadable(settings: Settings): Promise<Reloadable> {
  const { 'tls-cert': certFile, 'tls-key': keyFile, 'webhook-secret-file': secretFile } = settings;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new Complaint('TLS needs both --tls-cert and --tls-key', 'give the one that is missing');
  }
  return {
    policy: await readPolicy(settings),
    webhookSecrets: secretFile === undefined ? [] : await readSecrets(secretFile),
    tls:
      certFile !== undefined && keyFile !== undefined
        ? await readTls(certFile, keyFile)
        : undefined,
  };
}

async function readTls(certFile: string, keyFile: string): Promise<TlsFiles> {
  const cert = await readNamed(certFile, '--tls-cert');
  const key = await readNamed(keyFile, '--tls-key');
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    throw new Complaint(
      `--tls-cert ${certFile} and --tls-key ${keyFile} cannot be used: ${messageOf(cause)}`,
      'both must be PEM, and the key that of the certificate',
      { cause },
    );
  }
  return { cert, key };
}

async function readSecrets(file: string): Promise<readonly string[]> {
  const text = (await readNamed(file, '--webhook-secret-file')).toString('utf8');
  const secrets = text.split(/\r?\n/).filter((line) => line !== '');
  if (secrets.length === 0) {
    throw new Complaint(
      `${file}: expected a webhook secret, got an empty file`,
      'make one with `openssl rand -hex 32`',
    );
  }
  return secrets;
}

async function readNamed(file: string, flag: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    const isForbidden = /\b(?:EACCES|EPERM)\b/.test(messageOf(cause));
    const hint = isForbidden ? 'make it readable for the user that runs lookaside' : undefined;
    throw new Complaint(`${flag}: cannot read ${file}: ${messageOf(cause)}`, hint, { cause });
  }
}

/** What has just come into force would be lost to a start while the git host is down. */
async function untilNoted({ isNoted }: RunningServer): Promise<void> {
  for (let waited = 0; !isNoted() && waited < NOTE_PATIENCE; waited += NOTE_CHECK) {
    await sleep(NOTE_CHECK);
  }
}

async function nextSignal(signals: World['signals'], names: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    for (const name of names) signals.once(name, () => resolve(name));
  });
}

function explainListenError(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') {
    return new Complaint(
      `cannot listen: ${messageOf(error)}`,
      'another program has the port; choose with --listen and --status-listen',
    );
  }
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new Complaint(
      `cannot listen: ${messageOf(error)}`,
      'choose another address with --listen and --status-listen',
    );
  }
  return error;
}

/** For a process that ends in a moment. */
function flushNow(sink: AccessLogSink | undefined): void {
  try {
    sink?.flushSync();
  } catch {
    // The last lines are lost where nobody takes them.
  }
}

async function flush(sink: AccessLogSink): Promise<void> {
  await new Promise<void>((resolve) => {
    sink.once('close', resolve).once('error', () => resolve());
    sink.end();
  });
}
