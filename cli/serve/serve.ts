// `lookaside serve SOURCE`: one run of the server, from the first signal that it hears to the last line
// of its access log.
import { constants, hostname, tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GivenUpFile } from '../../generator/openpgp/given-up-file.ts';
import { type ScopeKeyFault, listKeyFaults } from '../../generator/policy/key-faults.ts';
import { type Policy, requirementsByScope } from '../../generator/policy/policy.ts';
import { warnOfPolicy } from '../../generator/policy/unmatched-scope.ts';
import { parseSource } from '../../generator/sources/parse-source.ts';
import type { Source } from '../../generator/sources/source.ts';
import type { CheckpointFile } from '../../generator/store/checkpoint/checkpoint-file.ts';
import { processStarts } from '../../generator/system/process-starts.ts';
import { type ProgramLog, createProgramLog } from '../../generator/system/program-log.ts';
import { abbreviate } from '../../generator/terms/text.ts';
import type { AuditFile, AuditTarget } from '../../server/events/audit-file.ts';
import { Reload } from '../../server/reload/reload.ts';
import type { ServerOptions } from '../../server/server-options.ts';
import { type RunningServer, startServer } from '../../server/start-server.ts';
import { Failures } from '../../server/troubles/failures.ts';
import { Troubles } from '../../server/troubles/troubles.ts';
import { toBudgets } from '../base/budget-options.ts';
import type { Settings } from '../base/options.ts';
import { readVersion } from '../base/read-version.ts';
import { type ProcessIo, hasColour } from '../base/process-io.ts';
import type { Environment } from '../base/read-settings.ts';
import { UsageError, formatUsageError } from '../base/usage-error.ts';
import { NO_KEYS } from '../check/findings.ts';
import { findUnreadKeyFiles } from '../inputs/unread-key-files.ts';
import { type LastingEngines, openLastingEngines, warnOfKeys } from '../inputs/open-engines.ts';
import { openSource } from '../inputs/open-source.ts';
import { readShownUrl } from '../inputs/read-store-url.ts';
import { AccessLogOutput } from './access-log-output.ts';
import { openManifests } from './open-manifests.ts';
import { openAuditFile, reopenAuditFile } from './open-audit-file.ts';
import { deriveCommitUrl } from './commit-url.ts';
import { explainListenError } from './explain-listen-error.ts';
import type { LastGoodKeys } from './last-good-keys.ts';
import { findListenPlaces } from './listen-places.ts';
import { ReloadableFiles } from './reloadable-files.ts';
import { ServeSignals, StoppedAtStart } from './serve-signals.ts';
import { ServiceManager, withoutManagerVariables } from './service-manager/service-manager.ts';
import { StateFiles } from './state-files.ts';

/** What a checkpoint that is being written may keep a stop waiting. Milliseconds. */
const CHECKPOINT_PATIENCE = 5000;
/** The same of a state that the next start does not know of yet. Milliseconds. */
const NOTE_PATIENCE = 1000;
const NOTE_CHECK = 10;

const MORE_PROCESSES = 'raise the limit on processes, or on memory, of this user or container';
const NO_SOURCE = 'name it on the command line, or as source in the configuration file';
const NO_INIT =
  'lookaside runs as process 1, which should be an init: processes that git and ssh leave behind pile ' +
  'up until no other can be started. Use the entry point of the image, or run with --init';

/**
 * Settles with the exit code when it was told to stop.
 * @throws UsageError also where there is no source
 */
export async function serve(
  source: string | undefined,
  settings: Settings,
  io: ProcessIo,
): Promise<number> {
  if (source === undefined) throw new UsageError('there is no SOURCE to serve', NO_SOURCE);
  const signals = new ServeSignals(io.signals);
  const { stderr } = io;
  const log = createProgramLog(stderr.isTTY === true ? await forTerminal(io) : stderr);
  const run = new ServeRun(source, settings, io, signals, log);
  try {
    await run.untilStopped();
  } catch (error) {
    if (!(error instanceof StoppedAtStart)) throw error;
  } finally {
    await run.close();
  }
  return 0;
}

/** What is open while the server runs, and how it is closed, however far the start came. */
class ServeRun {
  readonly #location: string;
  readonly #settings: Settings;
  readonly #io: ProcessIo;
  readonly #signals: ServeSignals;
  readonly #log: ProgramLog;
  readonly #troubles = new Troubles(now);
  readonly #failures: Failures;
  readonly #files: ReloadableFiles;
  readonly #reload: Reload;
  readonly #stateFiles: StateFiles;
  readonly #keys: LastGoodKeys;
  readonly #manager: ServiceManager;
  readonly #ending = new AbortController();
  readonly #takeFailure = (error: unknown): void => this.#failures.take(error);
  #accessLog: AccessLogOutput | undefined;
  #auditFile: AuditFile | undefined;
  #stopListening: (() => void) | undefined;
  #engines: LastingEngines | undefined;
  #source: Source | undefined;
  #checkpoint: CheckpointFile | undefined;
  #givenUp: GivenUpFile | undefined;

  constructor(
    location: string,
    settings: Settings,
    io: ProcessIo,
    signals: ServeSignals,
    log: ProgramLog,
  ) {
    this.#location = location;
    this.#settings = settings;
    this.#io = io;
    this.#signals = signals;
    this.#log = log;
    const troubles = this.#troubles;
    this.#failures = new Failures({ troubles, log, elapsed, end: (why) => this.#end(why) });
    io.failures.on('failure', this.#takeFailure);
    signals.onImpatience((signal) => this.#endAtOnce(128 + constants.signals[signal]));
    const source = toStateSource(location);
    this.#stateFiles = new StateFiles(settings['state-dir'], source, troubles, log);
    this.#keys = this.#stateFiles.openKeys();
    const onPolicy = async (policy: Policy): Promise<void> => this.#warnOfKeys(policy);
    this.#files = new ReloadableFiles({ settings, keys: this.#keys, onPolicy });
    this.#reload = new Reload({ parts: this.#files.parts, troubles, log });
    this.#manager = new ServiceManager({ ...io, troubles, log });
    signals.onReload(() => {
      this.#reload.request(this.#manager.reloading());
      if (this.#auditFile) void reopenAuditFile(this.#auditFile, troubles, log);
    });
  }

  /**
   * Opens all, serves, and settles when a signal has stopped it. Throws `StoppedAtStart` where that
   * came before all was there.
   */
  async untilStopped(): Promise<void> {
    const { isInit } = this.#io;
    const environment = withoutManagerVariables(this.#io.environment);
    const places = await findListenPlaces(this.#settings, this.#io, this.#log);
    const shownUrl = readShownUrl(this.#settings.url);
    assertPeersCanBeTold(this.#settings);
    await this.#keys.open();
    const reloadable = await this.#signals.orStopped(this.#files.read());
    this.#accessLog = new AccessLogOutput(this.#troubles, this.#log);
    this.#auditFile = await openAuditFile(this.#settings['audit-log'], this.#troubles, this.#log);
    this.#stopListening = tellOfProcesses(this.#troubles, this.#log);
    if (isInit === true) this.#log.warn(NO_INIT);
    const engines = await openLastingEngines(environment, tmpdir(), toBudgets(this.#settings));
    this.#engines = engines;
    const source = await this.#signals.orStopped(this.#openSource(environment));
    this.#source = source;
    const files = await this.#openStateFiles(engines, environment);
    await this.#keys.keep();
    await this.#warnOfKeys(reloadable.policy);
    const server = await startServer({
      ...reloadable,
      ...this.#engineOptions(engines),
      ...this.#settingOptions(),
      ...places,
      ...files,
      now,
      source,
      troubles: this.#troubles,
      failures: this.#failures,
      log: this.#log,
      accessLogSink: this.#accessLog,
      url: shownUrl,
      commitUrl: this.#settings['commit-url'] ?? deriveCommitUrl(this.#location),
      program: this.#programFacts(),
      events: this.#eventSettings(this.#accessLog),
      onServing: (url, store, { commit }) => {
        const from = commit === null ? '' : ` (commit ${abbreviate(commit)})`;
        const what = `${store.signatures} signatures of ${store.repositories} repositories`;
        this.#io.stderr.write(`lookaside: serving ${what} on ${url}${from}\n`);
        this.#manager.ready();
      },
    }).catch((error: unknown) => {
      throw explainListenError(error, this.#settings);
    });
    this.#reload.start(server);
    this.#manager.start(server);
    const signal = await this.#untilTold(server, engines);
    const { drain } = this.#settings;
    this.#manager.stopping(drain);
    if (drain > 0) {
      this.#log.info({ signal, drainMs: drain }, 'draining');
      await server.drain(drain);
    }
    this.#log.info({ signal }, 'stopping');
    await this.#stop(server, engines);
  }

  /** The signal that stops it; throws where no connections can be taken from an inherited socket. */
  async #untilTold(server: RunningServer, engines: LastingEngines): Promise<NodeJS.Signals> {
    const { stopped } = this.#signals;
    try {
      await Promise.race([stopped, server.taken]);
    } catch (error) {
      await this.#stop(server, engines);
      throw explainListenError(error, this.#settings);
    }
    return stopped;
  }

  /** Closes what is open. */
  async close(): Promise<void> {
    this.#ending.abort();
    await this.#checkpoint?.close();
    await this.#source?.close();
    await this.#engines?.close();
    await this.#givenUp?.close();
    this.#stopListening?.();
    await this.#manager.close();
    await this.#accessLog?.close();
    this.#io.failures.off('failure', this.#takeFailure);
    this.#signals.onImpatience(undefined);
  }

  async #openSource(environment: Environment): Promise<Source> {
    const settings = this.#settings;
    return openSource(
      this.#location,
      settings,
      settings['state-dir'],
      environment,
      this.#ending.signal,
      async (path, subtree, _ending, budgets) => {
        const { createDirectorySource } =
          await import('../../generator/sources/directory/directory.ts');
        return createDirectorySource(path, subtree, budgets);
      },
    );
  }

  async #openStateFiles({ givenUp }: LastingEngines, environment: Environment) {
    const files = this.#stateFiles;
    this.#checkpoint = await this.#signals.orStopped(files.openCheckpoint());
    this.#givenUp = files.openGivenUp(givenUp);
    await this.#signals.orStopped(this.#givenUp.open());
    return {
      checkpointFile: this.#checkpoint,
      tried: files.openTried(),
      older: files.openOlder(),
      numbers: files.openNumbers(),
      lostFile: files.openLost(),
      refusedFile: files.openRefused(),
      manifests: await openManifests(this.#settings, {
        environment,
        ending: this.#ending.signal,
        file: files.openManifests(),
      }),
    };
  }

  #engineOptions({ openMessage, id, gpgv, givenUp }: LastingEngines) {
    return {
      openMessage,
      engines: `${id}, OpenSSL ${this.#io.openssl}`,
      gpgvVersion: () => gpgv.version,
      lookForGpgv: async () => {
        givenUp.askAgain();
        await gpgv.lookAgain();
      },
      hasGpgv: async () => (await gpgv.find()) !== undefined,
    } satisfies Partial<ServerOptions>;
  }

  #settingOptions() {
    const settings = this.#settings;
    return {
      paths: toBudgets(settings),
      onInvalid: settings['on-invalid'],
      maxConnections: settings['max-connections'],
      poll: settings.poll,
      peers: settings.peers,
      cacheMissing: settings['cache-missing'],
      accessLog: settings['access-log'],
      trustedProxies: settings['trusted-proxies'],
      webhookForges: settings['webhook-forges'],
    } satisfies Partial<ServerOptions>;
  }

  #eventSettings(stdout: AccessLogOutput): ServerOptions['events'] {
    const { 'notify-url': receivers, 'audit-log': auditLog, path } = this.#settings;
    if (receivers.length === 0 && auditLog === undefined) return undefined;
    const auditTarget = auditLog === '-' ? toAuditTarget(stdout) : this.#auditFile;
    return { receivers, auditTarget, path, replica: hostname() };
  }

  #programFacts(): ServerOptions['program'] {
    const { version: nodeVersion, cpuUsage } = this.#io.node;
    return { version: readVersion(), nodeVersion, cpuUsage };
  }

  async #warnOfKeys(policy: Policy): Promise<void> {
    tellOfKeyFaults(listKeyFaults(policy), this.#troubles, this.#log);
    for (const unread of await findUnreadKeyFiles(this.#settings)) this.#log.warn(unread);
    const engines = this.#engines;
    if (!policy.keyring) this.#log.warn(NO_KEYS);
    else if (engines) for (const warning of warnOfKeys(policy, engines)) this.#log.warn(warning);
    for (const unmatched of warnOfPolicy(requirementsByScope(policy))) this.#log.warn(unmatched);
  }

  async #stop(server: RunningServer, engines: LastingEngines): Promise<void> {
    this.#reload.stop();
    // First of all, so that nobody connects any more.
    const listened = server.stop();
    await untilNoted(server);
    this.#ending.abort();
    // The checkpoint is written when the refresh that runs has ended.
    this.#checkpoint?.closeIn(CHECKPOINT_PATIENCE);
    await Promise.all([listened, engines.close()]);
  }

  /** Ends the process at once: what it would answer might be wrong. */
  #end(why: string): void {
    this.#io.stderr.write(formatUsageError(new UsageError(why)));
    this.#endAtOnce(2);
  }

  #endAtOnce(code: number): void {
    // Git, and what it has started, ends too.
    this.#ending.abort();
    this.#accessLog?.flushNow();
    this.#io.exit(code);
  }
}

function assertPeersCanBeTold(settings: Settings): void {
  if (settings.peers === undefined || settings['webhook-secret-file'] !== undefined) return;
  throw new UsageError(
    '--peers needs --webhook-secret-file: only signed pushes are passed on',
    'give all servers of the store the same --webhook-secret-file',
  );
}

/** A source as state files are named for it. */
function toStateSource(location: string): Pick<Source, 'kind' | 'location'> {
  const address = parseSource(location);
  return { kind: address.kind, location: address.kind === 'git' ? address.url : address.path };
}

/** Every fault is logged; as a trouble they are one, which names them all. */
function tellOfKeyFaults(
  faults: readonly ScopeKeyFault[],
  troubles: Troubles,
  log: ProgramLog,
): void {
  const [first] = faults;
  if (!first) {
    troubles.clear('keys-unusable');
    return;
  }
  for (const { scope, message, hint } of faults) log.error({ scope, hint }, message);
  const message = faults.map((fault) => fault.message).join('; ');
  troubles.raise('keys-unusable', { message, hint: first.hint });
}

/** Of standard output, which the access log needs until the end. */
function toAuditTarget({ append, sync }: AccessLogOutput): AuditTarget {
  return { append, sync, close: async () => undefined };
}

function elapsed(): number {
  return performance.now();
}

function now(): Date {
  return new Date();
}

/** What makes a log readable takes long to load, and services have no terminal. */
async function forTerminal({ stderr, environment }: ProcessIo): Promise<NodeJS.WritableStream> {
  const { createTerminalStream } = await import('../../generator/system/terminal-stream.ts');
  return createTerminalStream(stderr, hasColour(stderr, environment));
}

/** Reports when no process can be started, and when one can again. Returns the way to stop. */
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

/** What has just come into force would be lost to a start while the git host is down. */
async function untilNoted({ isNoted }: RunningServer): Promise<void> {
  for (let waited = 0; !isNoted() && waited < NOTE_PATIENCE; waited += NOTE_CHECK) {
    await sleep(NOTE_CHECK);
  }
}
