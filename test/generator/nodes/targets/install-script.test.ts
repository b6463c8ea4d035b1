import assert from 'node:assert/strict';
import { writeInstallScript } from '../../../../generator/nodes/targets/install-script.ts';
import { FILES, OPTIONS, textOf, toFile } from './samples.ts';

describe('the install script', () => {
  it('is one program, that shows the files as they are', () => {
    const [written, ...others] = writeInstallScript(FILES, OPTIONS);
    assert.ok(written);
    assert.deepEqual(others, []);
    assert.equal(written.path, 'install-lookaside.sh');
    assert.equal(written.isExecutable, true);
    for (const { bytes } of FILES)
      assert.ok(textOf(written).includes(Buffer.from(bytes).toString()));
  });

  it('installs files in the order in which they are given', () => {
    const [written] = writeInstallScript(FILES, OPTIONS);
    assert.ok(written);
    const [, list = ''] = /^set -- \\\n((?: {2}'.*\n)+)/m.exec(textOf(written)) ?? [];
    const paths = list.trim().split(' \\\n');
    assert.deepEqual(
      paths.map((path) => path.trim()),
      FILES.map(({ path }) => `'${path}'`),
    );
  });

  const refused = {
    'a file without a line feed at its end': [toFile('etc/a', 'text'), /line feed/],
    'a file with a NUL': [toFile('etc/a', 'te\0xt\n'), /not text/],
    'a path with a line feed': [toFile('etc/a\nb', 'text\n'), /control characters/],
    'a file that would clash with every end of a text': [
      toFile(
        'etc/a',
        Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ', (letter) => `${letter}\u0301\n`).join(''),
      ),
      /\/etc\/a cannot be put into a shell script: dash would damage/,
    ],
  } as const;
  for (const [fault, [file, message]] of Object.entries(refused)) {
    it(`refuses ${fault}`, () => {
      assert.throws(() => writeInstallScript([file], OPTIONS), { name: 'TargetError', message });
    });
  }
});
