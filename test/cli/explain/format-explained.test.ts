import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import type { ProcessIo } from '../../../cli/base/process-io.ts';
import { type Explanation, formatExplained } from '../../../cli/explain/format-explained.ts';
import { unfailing } from '../../kit/program/unfailing.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;

const platform = {
  platform: 'linux/amd64',
  image: 'quay.io/team/app:v1',
  digest: DIGEST,
  verdict: 'accepted',
  scope: 'quay.io/team',
  directory: 'team/app',
  signatures: [],
  reason: null,
  note: null,
} as const;
const refused = {
  ...platform,
  platform: 'linux/arm64',
  verdict: 'refused',
  reason: { code: 'unknown-repository', message: 'nothing', next: 'sign' },
} as const;
const explanation: Explanation = {
  image: platform.image,
  origin: { source: { kind: 'directory', location: '.' } },
  registry: 'asked',
  list: { ...platform, signatures: [] },
  platforms: [platform, refused],
};

function ioWith(isTTY: boolean, environment: ProcessIo['environment'] = {}): ProcessIo {
  const stdout = Object.assign(new PassThrough(), { isTTY });
  const stdin = Readable.from([]);
  const signals = new EventEmitter();
  return {
    environment,
    stdin,
    stdout,
    stderr: new PassThrough(),
    signals,
    openssl: '3',
    ...unfailing,
  };
}

describe('what lookaside explain prints', () => {
  const plain = formatExplained(explanation, false, ioWith(false));

  it('is a block a platform, and a sum', () => {
    assert.equal(
      plain,
      `image:      quay.io/team/app:v1
source:     .
list:       ${DIGEST}, 0 signatures; \`skopeo copy --all\` asks for it, nodes do not

platform:   linux/amd64
digest:     ${DIGEST}
verdict:    accepted
scope:      quay.io/team
directory:  team/app

platform:   linux/arm64
digest:     ${DIGEST}
verdict:    refused: unknown-repository
scope:      quay.io/team
directory:  team/app
reason:     nothing
next:       sign

1 of 2 platforms would be accepted
`,
    );
  });

  it('names the signer, the subkey, what some nodes refuse, and what else is known', () => {
    const signature = {
      servedAs: '/x',
      identity: 'quay.io/team/app:v1',
      signer: 'AA',
      signingKey: 'BB',
      userIds: ['Ann <ann@example.test>'],
      signedAt: '2026-01-02T03:04:05Z',
      fault: null,
      warnings: [{ code: 'signing-subkey', message: 'podman before 5.7 refuses it' }],
    };
    const one = { ...platform, note: 'anything goes', signatures: [signature] };
    const told = { ...explanation, list: one, platforms: [one] };
    const text = formatExplained(told, false, ioWith(false));
    assert.match(text, /^list: .*, 1 signature \(accepted\); `skopeo copy --all` asks/m);
    assert.match(text, /, by AA \(Ann <ann@example.test>\), subkey BB, made 2026-/);
    assert.match(text, /^warning: {4}podman before 5\.7 refuses it$/m);
    assert.match(text, /^note: {7}anything goes$/m);
  });

  it('says which scope applies, if any does', () => {
    for (const [scope, line] of [
      ['quay.io/team', 'scope:      quay.io/team'],
      ['', 'scope:      none, so the default applies'],
      [null, 'scope:      none, and there is no default'],
    ] as const) {
      const told = { ...explanation, platforms: [{ ...platform, scope }] };
      const lines = formatExplained(told, false, ioWith(false)).split('\n');
      assert.ok(lines.includes(line), line);
    }
  });

  it('has a caution where a digest may be that of a list, whatever the verdict', () => {
    for (const one of [platform, refused]) {
      const told = { ...explanation, list: undefined, platforms: [one] };
      const text = formatExplained({ ...told, registry: 'not-asked' }, false, ioWith(false));
      assert.match(
        text,
        /\nThe registry was not asked\. If this digest is that of a list of platforms, [^\n]+\n$/,
      );
    }
  });

  it('has verdicts in colour on a terminal that shows them', () => {
    const coloured = formatExplained(explanation, false, ioWith(true));
    // oxlint-disable-next-line no-control-regex -- what is looked for
    const escapes = coloured.match(/\u001b\[\d+m\w+\u001b\[\d+m/g);
    assert.deepEqual(escapes, ['\u001b[32maccepted\u001b[39m', '\u001b[31mrefused\u001b[39m']);
    for (const environment of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) {
      assert.equal(formatExplained(explanation, false, ioWith(true, environment)), plain);
    }
  });

  it('is the same for programs on any terminal', () => {
    const text = formatExplained(explanation, true, ioWith(true));
    const { origin, ...rest } = explanation;
    assert.deepEqual(JSON.parse(text), { version: 1, ...rest, ...origin, accepted: false });
  });
});
