// What nodes do not take of a key file, or other clients do not, in the log of a server.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KEY_NOTES } from '../../../generator/openpgp/import/key-notes.ts';
import { useLookaside } from '../../kit/program/use-lookaside.ts';
import { type Publisher, makePublisher } from '../../kit/signer/publisher.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

describeWith(['gpg'], 'serve, of a key file that not all nodes take', () => {
  const servers = useLookaside();
  const directory = useTemporary();
  let publisher: Publisher;
  before(async () => {
    publisher = await makePublisher();
  });
  after(() => publisher.stop());

  it('warns in its log, with the cure, and goes on', async () => {
    const file = join(directory(), 'key.asc');
    const armored = await readFile(publisher.keyFile, 'latin1');
    await writeFile(file, armored.replace(/-----END.*\n/, ''));
    const server = await servers.startHere(directory(), ['--keys', file]);
    const { cause, cure } = KEY_NOTES['armor-endless'];
    const [line] = await server.waitForLine(/^.*no END line.*$/m);
    const { level, msg } = JSON.parse(line) as { level: string; msg: string };
    assert.deepEqual([level, msg], ['warn', `${file}: ${cause}; ${cure}`]);
    assert.equal((await fetch(`${server.statusUrl}/readyz`)).status, 200);
  });
});
