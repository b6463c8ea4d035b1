// What `lookaside mirror` says of wrong use, and tells people who read no JSON.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { LOCAL, MirrorWorld, UPSTREAM } from '../../kit/push/mirror-world.ts';
import { PUSHER, randomDigest } from '../../kit/push/push-world.ts';
import { makeGitRemote } from '../../kit/remote/git-remote.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

/** Takes images of nobody. */
const ELSEWHERE = 'scopes:\n  other.example:\n    keys: keys/vendor.asc\n';

describeWith(['gpg', 'gpgv', 'git'], 'the command line of mirror', () => {
  const directory = useTemporary();
  let world: MirrorWorld;
  before(async () => {
    world = await MirrorWorld.make(ELSEWHERE);
  });
  after(() => world.stop());

  async function mirror(
    without: readonly string[] = [],
    more: readonly string[] = [],
    input = `${UPSTREAM}/app@${randomDigest()}\n`,
  ): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const options = {
      '--from': world.url,
      '--keys': await world.keyFile(),
      '--digests': '-',
      '--map': `${UPSTREAM}=${LOCAL}`,
      '--to': world.remote.path,
      '--state-dir': directory(),
    };
    const kept = Object.entries(options).filter(([name]) => !without.includes(name));
    return runLookaside(['mirror', ...kept.flat(), ...more], { env: PUSHER, input });
  }

  const FAULTS: readonly (readonly [
    without: readonly string[],
    more: readonly string[],
    said: RegExp,
  ])[] = [
    [['--from'], [], /mirror needs --from: the upstream store\nhint: give --from https:/],
    [
      ['--from'],
      ['--from', 'git@host:x.git'],
      /--from: expected the http:\/\/ or https:\/\/ address/,
    ],
    [['--from'], ['--from', 'https://a.example/?token=x'], /--from: expected the http/],
    [['--to'], [], /mirror needs --to\nhint: /],
    [
      ['--keys'],
      [],
      /mirror needs the keys of the upstream: no server is believed\nhint: .*--keys/,
    ],
    [
      ['--digests'],
      [],
      /mirror needs to know which images.*\nhint: give --digests FILE, --images FILE/,
    ],
    [[], ['--images', '-'], /--digests and --images both want standard input/],
    [['--digests'], ['--digests', '/nowhere'], /--digests: ENOENT.*\nhint: name a file, or - /],
    [['--map'], ['--from-refused', 'http://127.0.0.1:1'], /--from-refused needs --map/],
    [[], ['--from-refused', 'localhost:8081'], /--from-refused: expected the http/],
    [[], ['--from-refused', 'http://127.0.0.1:1'], /cannot ask the server at http:\/\/127.0.0.1:1/],
    [[], ['--jobs', '0'], /--jobs: expected a whole number from 1 to 64, got "0"/],
    [
      [],
      ['--format', 'sarif'],
      /mirror does not support the format sarif\nhint: use --format text or --format json/,
    ],
  ];
  for (const [without, more, said] of FAULTS) {
    it(`names what is wrong: ${[...without.map((name) => `no ${name}`), ...more].join(' ')}`, async () => {
      const { code, stdout, stderr } = await mirror(without, more);
      assert.deepEqual([code, stdout], [2, ''], stderr);
      assert.match(stderr, said);
    });
  }

  it('does not guess of which image a digest is', async () => {
    const { code, stderr } = await mirror(['--map'], [], `${randomDigest()}\n`);
    assert.equal(code, 2);
    assert.match(stderr, /does not say of which image it is\nhint: write IMAGE@sha256/);
  });

  it('does not take an empty list for nothing to do', async () => {
    const { code, stdout, stderr } = await mirror([], [], '# none\n');
    assert.deepEqual([code, stdout], [2, ''], stderr);
    assert.match(stderr, /--digests: standard input names none\nhint: look whether what writes it/);
  });

  it('does not believe another server than the status listener', async () => {
    world.plant = (_request, response) => response.writeHead(200).end('<html></html>');
    const { code, stderr } = await mirror([], ['--from-refused', world.url]);
    world.plant = undefined;
    assert.equal(code, 2);
    assert.match(
      stderr,
      /expected the status listener of a lookaside server at .* got something else/,
    );
  });

  it('adds only the mirror where a scope says where the signatures upstream are', async () => {
    const own = await makeGitRemote();
    try {
      const elsewhere = `scopes:\n  ${UPSTREAM}: { store: 'https://sigs.example', keys: keys/vendor.asc }\n`;
      const keys = await readFile(await world.keyFile());
      await own.publish({ 'lookaside.yaml': elsewhere, 'keys/vendor.asc': keys });
      const digest = randomDigest();
      await world.plantSignature('vendor/app', digest, 1);
      const input = `${UPSTREAM}/app@${digest}\n`;
      const { code, stdout } = await mirror(['--to'], ['--to', own.path], input);
      assert.equal(code, 1, stdout);
      assert.match(stdout, /by the rules of the repository: other-store: .*\n.*hint: .*remapIdent/);
      const [, advice = ''] = /^hint: .* takes these.*\n\n([^]*)$/m.exec(stdout) ?? [];
      const { scopes } = parse(advice) as { scopes: Record<string, object> };
      assert.deepEqual(Object.keys(scopes), [LOCAL]);
      await own.publish({ 'lookaside.yaml': elsewhere + advice.replace('scopes:\n', '') });
      const again = await mirror(['--to'], ['--to', own.path], input);
      assert.equal(again.code, 0, again.stdout);
    } finally {
      await own.remove();
    }
  });

  it('says what to add to the configuration of the repository', async () => {
    const digest = randomDigest();
    await world.plantSignature('vendor/app', digest, 1);
    const { code, stdout, stderr } = await mirror([], [], `${UPSTREAM}/app@${digest}\n`);
    assert.equal(code, 1, stderr);
    assert.match(stdout, /^refused +quay\.example\/vendor\/app@sha256:/m);
    assert.match(stdout, /^ {2}number 1 for .*, by the rules of the repository: out-of-scope: /m);
    const [, told = '', advice = ''] = /^(hint: .* takes these.*)\n\n([^]*)$/m.exec(stdout) ?? [];
    assert.match(told, /remapIdentity for pulls by the name here/);
    const { scopes } = parse(advice) as { scopes: Record<string, object> };
    assert.deepEqual(scopes, {
      [UPSTREAM]: { keys: ['keys/vendor.asc'] },
      [LOCAL]: {
        keys: ['keys/vendor.asc'],
        signedIdentity: { type: 'remapIdentity', prefix: LOCAL, signedPrefix: UPSTREAM },
      },
    });
    assert.doesNotMatch(advice, /[&*]/);
    // Whoever follows it gets the signature.
    await world.remote.publish({ 'lookaside.yaml': advice });
    const again = await mirror([], [], `${UPSTREAM}/app@${digest}\n`);
    assert.equal(again.code, 0, again.stdout);
    assert.match(
      again.stdout,
      /^mirrored +quay\.example\/vendor\/app@.*: 1 signature in copies\/app@/m,
    );
    assert.match(
      again.stdout,
      /^mirrored to .*, main, commit [0-9a-f]{12}; 1 manifest: 1 with new signatures$/m,
    );
    const last = await mirror([], [], `${UPSTREAM}/app@${digest}\n`);
    assert.match(last.stdout, /^nothing new to .*; 1 manifest: 1 had all before$/m);
    assert.equal(last.stdout.split('\n').length, 2);
  });

  it('tells what is left out, and passes no commands to a terminal', async () => {
    const digest = randomDigest();
    await world.plantSignature('vendor/app', digest, 1, {
      identity: 'quay.example/vendor/app:1\u001b[2J',
    });
    const { code, stdout } = await mirror(
      [],
      [],
      `${UPSTREAM}/app@${digest}\nother.example/app@${digest}\n`,
    );
    assert.equal(code, 1);
    assert.match(stdout, /\(not below any --map: 1 image\)$/m);
    assert.ok(!stdout.includes('\u001b'));
  });

  it('says of a repository without rules what to do', async () => {
    const empty = await makeGitRemote();
    try {
      const { code, stderr } = await mirror(['--to'], ['--to', empty.path]);
      assert.equal(code, 2);
      assert.match(
        stderr,
        /does not say who may sign: .*\nhint: make one with `lookaside init`, with the keys/,
      );
    } finally {
      await empty.remove();
    }
  });

  it('keeps two runs out of one state directory', async () => {
    const digest = randomDigest();
    await world.plantSignature('vendor/app', digest, 1);
    let second: Promise<{ code: number | null; stderr: string }> | undefined;
    world.plant = (_request, response, right) => {
      // The first run is held until the second has ended.
      second ??= mirror([], [], `${UPSTREAM}/app@${digest}\n`);
      void second.then(
        () => right(),
        () => response.destroy(),
      );
    };
    const first = await mirror([], [], `${UPSTREAM}/app@${digest}\n`);
    world.plant = undefined;
    const other = await second;
    assert.equal(first.code, 0, first.stderr);
    assert.equal(other?.code, 2);
    assert.match(
      other?.stderr ?? '',
      /mirror is in use by another lookaside .*\nhint: give every process/,
    );
  });
});
