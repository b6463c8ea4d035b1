import assert from 'node:assert/strict';
import { MAX_HOMES, parsePasswdHomes } from '../../../../generator/nodes/check/node-state.ts';

const line = (home: string): string => `me:x:1000:1000:Me:${home}:/bin/sh`;

describe('generator: homes in passwd', () => {
  it('are named from the root, each once', () => {
    const homes = ['/srv/ci/', '/srv/ci', '//opt/./me', '/sbin'];
    assert.deepEqual(parsePasswdHomes(homes.map(line).join('\n')), ['srv/ci', 'opt/me', 'sbin']);
  });

  it('are none where there is no home', () => {
    for (const home of ['', '/', '/.', '//', '/nonexistent', 'srv/ci', '/srv/../ci', '/a\0b']) {
      assert.deepEqual(parsePasswdHomes(line(home)), [], home);
    }
    assert.deepEqual(parsePasswdHomes(''), []);
    assert.deepEqual(parsePasswdHomes('# a note\n+::::::\nme:x\n'), []);
  });

  it('are so many and no more', () => {
    const lines = Array.from({ length: MAX_HOMES + 5 }, (_, index) => line(`/h/${index}`));
    assert.equal(parsePasswdHomes(lines.join('\n')).length, MAX_HOMES);
  });
});
