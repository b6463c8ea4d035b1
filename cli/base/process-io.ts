import type { EventEmitter } from 'node:events';
import type { Environment } from './read-settings.ts';

/** A standard stream of the process. */
export type StandardStream = NodeJS.WritableStream & { readonly isTTY?: boolean };

/** The Node that the program runs on. */
export interface RunningNode {
  /** As `v20.19.0`. */
  readonly version: string;
  /** The processor time of this process since it began, in microseconds. */
  readonly cpuUsage: () => { readonly user: number; readonly system: number };
}

/** What a command gets of the process that it runs in. */
export interface ProcessIo {
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
  readonly node: RunningNode;
  /** Of this process, and of the one that started it. */
  readonly ids: { readonly pid: number; readonly parentPid: number };
  /** Whether this is process 1, to which all orphans fall, and which does not bury them. */
  readonly isInit?: boolean;
}

/** Whether a stream shows colours (https://no-color.org). */
export function hasColour(stream: StandardStream, environment: ProcessIo['environment']): boolean {
  return stream.isTTY === true && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb';
}

/** The same without colours, for the programs that are started with it too. */
export function withoutColour(io: ProcessIo): ProcessIo {
  return { ...io, environment: { ...io.environment, NO_COLOR: '1' } };
}

/** A pipe may take a long text in pieces; exiting before the last would lose it. */
export async function write(
  stream: NodeJS.WritableStream,
  text: string | Uint8Array,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    stream.write(text, (error) => {
      // A reader that has seen enough (`| head`) is no fault.
      if (error && !('code' in error && error.code === 'EPIPE')) reject(error);
      else resolve();
    });
  });
}
