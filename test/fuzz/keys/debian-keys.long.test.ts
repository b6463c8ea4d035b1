import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeWith } from '../../with-tools.ts';
import { compareListings } from './fuzz-keys.ts';

const DIRECTORIES = ['/usr/share/keyrings', '/etc/apt/trusted.gpg.d'];
const OF_DEBIAN = /^debian-.*\.(?:gpg|asc)$/;
/** gpg takes minutes over the keyring of all developers, of 28 MB. Milliseconds. */
const PATIENCE = 900_000;

describeWith(['gpg'], "keys of Debian's archive and developers", () => {
  const paths = DIRECTORIES.flatMap((directory) =>
    readdirSync(directory)
      .filter((name) => OF_DEBIAN.test(name))
      .map((name) => join(directory, name)),
  );
  for (const path of paths) {
    it(`are imported, valid and good until when gpg says: ${path}`, async function () {
      this.timeout(PATIENCE);
      assert.deepEqual(await compareListings(await readFile(path)), []);
    });
  }

  it('are there', () => assert(paths.length > 10, paths.join(' ')));
});
