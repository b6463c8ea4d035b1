// What gpg needs to unlock a private key.
import { readlink } from 'node:fs/promises';
import { MOST_TEXT_BYTES, readBounded } from '../../generator/system/read-bounded.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import type { ProcessIo } from '../base/process-io.ts';
import type { Environment } from '../base/read-settings.ts';
import { UsageError } from '../base/usage-error.ts';

const LINE_END = /\r?\n/;

/**
 * The first line of the file of a passphrase, which is never shown.
 * @throws UsageError
 */
export async function readPassphrase(file: string | undefined): Promise<Uint8Array | undefined> {
  if (file === undefined) return undefined;
  const bytes = await readBounded(file, MOST_TEXT_BYTES).catch((cause: unknown) => {
    const hint = 'make it readable for the user that signs, and for nobody else';
    throw new UsageError(`--passphrase-file: ${messageOf(cause)}`, hint, { cause });
  });
  const [first = ''] = bytes.toString('latin1').split(LINE_END, 1);
  if (first !== '') return Buffer.from(first, 'latin1');
  const message = `--passphrase-file: expected a passphrase on the first line of ${file}, got none`;
  throw new UsageError(message, 'leave the option out for a key without a passphrase');
}

/**
 * The environment for gpg: with the terminal at which pinentry can ask, where the user's has none, as
 * gpg cannot find it by itself behind our pipes.
 */
export async function withTerminal({ environment, stdin }: ProcessIo): Promise<Environment> {
  const isTerminal = 'isTTY' in stdin && stdin.isTTY === true;
  if (!isTerminal || environment['GPG_TTY']) return environment;
  const terminal = await readlink('/proc/self/fd/0').catch(() => undefined);
  return terminal === undefined ? environment : { ...environment, GPG_TTY: terminal };
}
