// The real gpg: what it has of key files after an import, and what it says of messages then.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../kit/process/run.ts';
import { makeTemporary, removeTemporary } from '../../kit/temporary.ts';
import { type KeyListing, parseListing } from './key-listing.ts';

/** A keyring of GnuPG with files imported into it; `close` removes it. */
export interface GnupgKeys {
  readonly listing: KeyListing;
  /** Which of some messages have a good signature, in their order. */
  readonly judge: (messages: readonly Uint8Array[]) => Promise<readonly boolean[]>;
  readonly close: () => Promise<void>;
}

/** How many files gpg is given at once: a command line has its limits. */
const AT_ONCE = 2000;
/** gpg takes minutes over the keyring of all of Debian's developers, of 28 MB. Milliseconds. */
const PATIENCE = 800_000;

/** Imports files into one fresh keyring, in their order. */
export async function importIntoGnupg(files: readonly Uint8Array[]): Promise<GnupgKeys> {
  const home = await makeTemporary(0o700);
  const gpg = async (...args: readonly string[]) =>
    run('gpg', ['--batch', '--no-auto-check-trustdb', '--quiet', '--homedir', home, ...args], {
      timeout: PATIENCE,
    });
  const write = async (kind: string, all: readonly Uint8Array[]): Promise<readonly string[]> =>
    Promise.all(
      all.map(async (bytes, index) => {
        const path = join(home, `${kind}-${index}`);
        await writeFile(path, bytes);
        return path;
      }),
    );
  const paths = await write('key', files);
  for (let at = 0; at < paths.length; at += AT_ONCE) {
    await gpg('--import', ...paths.slice(at, at + AT_ONCE));
  }
  const list = ['--with-colons', '--with-subkey-fingerprint', '--list-keys'];
  const { stdout } = await gpg(...list);
  return {
    listing: parseListing(stdout),
    judge: async (messages) => {
      const written = await write('message', messages);
      const good = new Set<string>();
      for (let at = 0; at < written.length; at += AT_ONCE) {
        const some = written.slice(at, at + AT_ONCE);
        const result = await gpg('--status-fd', '1', '--verify-files', ...some);
        for (const path of findGood(result.stdout)) good.add(path);
      }
      return written.map((path) => good.has(path));
    },
    close: async () => removeTemporary(home),
  };
}

/** The files between whose start and end gpg said GOODSIG. */
function findGood(status: string): readonly string[] {
  let path = '';
  return status.split('\n').flatMap((line) => {
    const [, started] = /^\[GNUPG:\] FILE_START 1 (.*)$/.exec(line) ?? [];
    path = started ?? path;
    return line.startsWith('[GNUPG:] GOODSIG ') ? [path] : [];
  });
}
