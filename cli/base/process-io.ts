import type { EventEmitter } from 'node:events';
import type { Environment } from './read-settings.ts';

/** A standard stream of the process. */
export type StandardStream = NodeJS.WritableStream & { readonly isTTY?: boolean };

/** What a command gets of the process that it runs in. */
export interface World {
  readonly environment: Environment;
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: StandardStream;
  readonly stderr: StandardStream;
  /** Emits SIGHUP, SIGINT and SIGTERM. */
  readonly signals: EventEmitter;
  /** Emits `failure` with an exception that nobody caught; unheard, it ends the process. */
  readonly failures: EventEmitter;
  /** Ends the process at once. */
  readonly exit: (code: number) => void;
  /** The version of OpenSSL in Node. */
  readonly openssl: string;
  /** Whether this is process 1, to which all orphans fall, and which does not bury them. */
  readonly isInit?: boolean;
}
