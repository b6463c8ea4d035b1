// The gpg that nodes judge by: keys imported into a home of their own, as containers/image does, and
// each message given to a gpg of its own, as GPGME does, on its standard input. What counts is what gpg writes to its status
// descriptor, read as GPGME and containers/image read it (signature/mechanism_gpgme.go), not its exit
// code.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../kit/process/run.ts';
import { makeTemporary, removeTemporary } from '../../kit/temporary.ts';

/** What gpg or gpgv says of a message. */
export interface GpgVerdict {
  readonly isGood: boolean;
  /** Its status lines, for people. */
  readonly why: string;
  readonly payload: string;
}

type Command = 'gpg' | 'gpgv';

const STATUS = /^\[GNUPG:\] (.*)$/gm;
const RESULT = /^(?:GOODSIG|EXPSIG|EXPKEYSIG|REVKEYSIG|BADSIG|ERRSIG) /;
/** gpg reports its exit code so, also where it only warns. */
const FAULT = /^(?:NODATA|UNEXPECTED|ERROR|FAILURE (?!gpg-exit))/;

/** Its arguments with each file of the working directory. A shell starts them in a quarter of our time. */
const FOR_EACH = 'for file in *; do "$@" <"$file" >"$file.out" 2>"$file.said"; done';

export class NodeGpg {
  readonly #home: string;
  readonly #keyring: string;

  private constructor(home: string) {
    this.#home = home;
    this.#keyring = join(home, 'keyring.pgp');
  }

  /** Imports the keys; of those that gpg refuses, nothing is said. */
  static async open(keyring: Buffer): Promise<NodeGpg> {
    const gpg = new NodeGpg(await makeTemporary(0o700));
    await writeFile(gpg.#keyring, keyring);
    await gpg.#run('gpg', ['--batch', '--no-tty', '--quiet', '--import', gpg.#keyring]);
    return gpg;
  }

  async judge(messages: readonly Buffer[]): Promise<readonly GpgVerdict[]> {
    const args = ['--batch', '--no-tty', '--status-fd', '2', '--output', '-'];
    return this.#judge('gpg', args, messages);
  }

  /** The verdicts of gpgv, which is given the keys as they are. */
  async judgeByGpgv(messages: readonly Buffer[]): Promise<readonly GpgVerdict[]> {
    const args = ['--keyring', this.#keyring, '--status-fd', '2', '--output', '-'];
    return this.#judge('gpgv', args, messages);
  }

  /** The fingerprints of the keys that were imported. */
  async listKeys(): Promise<readonly string[]> {
    const { stdout } = await this.#run('gpg', ['--batch', '--with-colons', '--list-keys']);
    return [...stdout.matchAll(/^fpr:+([0-9A-F]+):/gm)].map(([, fingerprint = '']) => fingerprint);
  }

  async close(): Promise<void> {
    await removeTemporary(this.#home);
  }

  async #judge(
    command: Command,
    args: readonly string[],
    messages: readonly Buffer[],
  ): Promise<readonly GpgVerdict[]> {
    const directory = await makeTemporary();
    const at = (index: number, end = ''): string => join(directory, `${index}${end}`);
    await Promise.all(messages.map(async (message, index) => writeFile(at(index), message)));
    const words = [command, '--homedir', this.#home, ...args];
    await run('sh', ['-c', FOR_EACH, 'sh', ...words], { env: { LC_ALL: 'C' }, cwd: directory });
    const verdicts = await Promise.all(
      messages.map(async (_message, index) =>
        toVerdict({
          stdout: await readText(at(index, '.out')),
          stderr: await readText(at(index, '.said')),
        }),
      ),
    );
    await removeTemporary(directory);
    return verdicts;
  }

  async #run(command: Command, args: readonly string[]) {
    return run(command, ['--homedir', this.#home, ...args], { env: { LC_ALL: 'C' } });
  }
}

async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8');
}

function toVerdict({ stdout, stderr }: { stdout: string; stderr: string }): GpgVerdict {
  const lines = [...stderr.matchAll(STATUS)].map(([, line = '']) => line);
  const results = lines.filter((line) => RESULT.test(line));
  const isGood =
    results.length === 1 &&
    results[0]?.startsWith('GOODSIG ') === true &&
    lines.some((line) => line.startsWith('VALIDSIG ')) &&
    !lines.some((line) => FAULT.test(line));
  return { isGood, why: lines.join('; ') || stderr.trim(), payload: stdout };
}
