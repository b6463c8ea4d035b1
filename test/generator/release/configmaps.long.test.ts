import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { formatConfigMaps } from '../../../generator/release/configmap/format-configmaps.ts';
import { API_SERVER, ApiServer } from '../../kit/kubernetes/api-server.ts';
import { makeTemporary, removeTemporary } from '../../kit/temporary.ts';
import { describeWithBuilt } from '../../with-tools.ts';

const NAMESPACE = 'openshift-config-managed';
const LABEL = 'release.openshift.io/verification-signatures';
/** It may start slowly. Milliseconds. */
const PATIENCE = 600_000;
const listed = z.object({
  items: z.array(z.object({ binaryData: z.record(z.string(), z.string()) })),
});

function signatures(count: number, bytes: number) {
  return Array.from({ length: count }, () => ({
    digestHex: randomBytes(32).toString('hex'),
    signatures: [randomBytes(bytes)],
  }));
}

describeWithBuilt(API_SERVER, 'kubernetes', 'ConfigMaps of releases in a real API server', () => {
  let directory: string;
  let server: ApiServer;
  before(async function () {
    this.timeout(PATIENCE);
    directory = await makeTemporary();
    server = await ApiServer.start(join(directory));
    const made = await server.kubectl(['create', 'namespace', NAMESPACE]);
    assert.equal(made.code, 0, made.stderr);
  });
  after(async () => {
    await server.stop();
    await removeTemporary(directory);
  });

  for (const [what, given, perFile] of [
    ['500 of the usual size', signatures(500, 868), 200],
    ['as many as the bytes allow', signatures(200, 4000), 1000],
    ['one of the largest', signatures(1, 190_000), 200],
  ] as const) {
    it(`are applied, twice, and read back: ${what}`, async function () {
      this.timeout(PATIENCE);
      const files = formatConfigMaps(given, perFile);
      const text = files.map(({ yaml }) => yaml).join('');
      for (const expected of [/created|configured/, /unchanged/]) {
        const { code, stdout, stderr } = await server.kubectl(['apply', '-f', '-'], text);
        assert.equal(code, 0, stderr.slice(0, 1000));
        assert.match(stdout, expected);
      }
      const got = await server.kubectl([
        'get',
        'configmaps',
        '-n',
        NAMESPACE,
        '-l',
        LABEL,
        '-o',
        'json',
      ]);
      const { items } = listed.parse(JSON.parse(got.stdout));
      const found = new Map(items.flatMap(({ binaryData }) => Object.entries(binaryData)));
      for (const {
        digestHex,
        signatures: [bytes],
      } of given) {
        assert.equal(found.get(`sha256-${digestHex}-1`), bytes?.toString('base64'));
      }
    });
  }
});
