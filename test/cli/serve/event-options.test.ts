// What the options for events and the audit log take, and what is said of what they do not take.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { useTemporary } from '../../kit/temporary.ts';

const RECEIVER = 'https://events.example/';

describe('events and the audit log', () => {
  const directory = useTemporary();
  beforeEach(async () => {
    await writeFile(join(directory(), 'secret'), 'hidden\n');
    await writeFile(join(directory(), 'bad'), 'hidden\nwhsec_hidden?\n');
    await writeFile(join(directory(), 'empty'), '\n');
  });

  const faults: readonly (readonly [title: string, args: () => readonly string[], said: RegExp])[] =
    [
      [
        'a secret without a receiver',
        () => [`--notify-secret-file=${join(directory(), 'secret')}`],
        /--notify-secret-file signs what is sent to --notify-url\n.*hint: give --notify-url/,
      ],
      [
        'a secret that is none',
        () => [`--notify-url=${RECEIVER}`, `--notify-secret-file=${join(directory(), 'bad')}`],
        /bad: expected whsec_ and base64 behind it in secret 2\nhint: make one with `echo "whsec_/,
      ],
      [
        'an empty file of secrets',
        () => [`--notify-url=${RECEIVER}`, `--notify-secret-file=${join(directory(), 'empty')}`],
        /empty: expected a webhook secret, got an empty file/,
      ],
      [
        'a secret that is not there',
        () => [`--notify-url=${RECEIVER}`, '--notify-secret-file=/nowhere'],
        /--notify-secret-file: cannot read \/nowhere: ENOENT/,
      ],
      [
        'an address that is none, with its password unsaid',
        () => ['--notify-url=ftp://user:hidden@host/'],
        /^lookaside: --notify-url: 0: expected an http or https URL, such as https:/,
      ],
      [
        'an audit log in no directory',
        () => ['--audit-log=/nowhere/audit.log'],
        /--audit-log: \/nowhere\/audit.log cannot be made: ENOENT.*\n.*hint: make the directory/,
      ],
      [
        'an audit log that is a directory',
        () => [`--audit-log=${directory()}`],
        /--audit-log: .* is no regular file\n.*hint: name a file, or - for standard output/,
      ],
      [
        'an audit log that is a device',
        () => ['--audit-log=/dev/null'],
        /--audit-log: \/dev\/null is no regular file/,
      ],
    ];
  for (const [title, own, said] of faults) {
    it(`need more than ${title}`, async () => {
      const result = await runLookaside(['serve', directory(), '--listen=127.0.0.1:0', ...own()]);
      assert.equal(result.code, 2);
      assert.match(result.stderr, said);
      assert.doesNotMatch(result.stderr, /hidden/);
    });
  }
});
