import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describeWith } from '../../with-tools.ts';
import { compareListings } from './fuzz-keys.ts';

const DIRECTORIES = ['/usr/share/keyrings', '/etc/apt/trusted.gpg.d'];
const OF_DEBIAN = /^debian-.*\.(?:gpg|asc)$/;

describeWith(['gpg'], "keys of Debian's archive and developers", () => {
  it('are imported, valid and good until when gpg says', async () => {
    let count = 0;
    for (const directory of DIRECTORIES) {
      for (const name of (await readdir(directory)).filter((one) => OF_DEBIAN.test(one))) {
        const path = join(directory, name);
        assert.deepEqual(await compareListings(await readFile(path)), [], path);
        count += 1;
      }
    }
    assert(count > 10, `${count} files`);
  });
});
