// A bad file among good ones: it is told with its path, its rule and its cure, nothing is pushed, and with
// --keep-going the good ones are.
import assert from 'node:assert/strict';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runOrThrow } from '../../kit/process/run.ts';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { PUSHER, PushWorld, type SignedImage, stage } from '../../kit/push/push-world.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

interface PushDocument {
  readonly signatures: readonly {
    readonly origin: string;
    readonly status: string;
    readonly code?: string;
    readonly hint?: string;
  }[];
}

const HEX = 'ab'.repeat(32);
const PLACE = `team/other@sha256=${HEX}`;

async function listAll(directory: string): Promise<string> {
  return (await runOrThrow('find', [directory])).stdout;
}

describeWith(['git', 'gpg'], 'a bad file among those that are pushed', () => {
  const directory = useTemporary();
  let world: PushWorld;
  let image: SignedImage;
  let staging: string;

  before(async () => {
    world = await PushWorld.make();
  });
  after(async () => world.stop());
  beforeEach(async () => {
    image = await world.sign();
    staging = join(directory(), "it's staging");
    await stage(staging, [image]);
    await mkdir(join(staging, PLACE), { recursive: true });
  });

  const odd: readonly (readonly [
    code: string,
    origin: (place: string) => string,
    make: (place: string) => Promise<unknown>,
  ])[] = [
    [
      'symlink',
      (place) => `${place}/signature-1`,
      async (place) => symlink('../signature-9', join(place, 'signature-1')),
    ],
    [
      'special-file',
      (place) => `${place}/signature-1`,
      async (place) => runOrThrow('mkfifo', [join(place, 'signature-1')]),
    ],
    [
      'name-not-utf8',
      (place) => `$'${place.replaceAll("'", String.raw`\'`)}/signature-1\\xff'`,
      async (place) =>
        writeFile(Buffer.concat([Buffer.from(`${place}/signature-1`), Buffer.from([0xff])]), 'x'),
    ],
  ];
  for (const [code, origin, make] of odd) {
    it(`keeps all of them back, or with --keep-going only itself: ${code}`, async () => {
      const place = join(staging, PLACE);
      await make(place);
      const before = await world.signatures();
      const listed = await listAll(staging);
      const held = await world.push([staging], ['--clear']);
      assert.equal(held.code, 1, held.stderr);
      assert.ok(held.stdout.includes(`${origin(place)}: ${code}: expected `), held.stdout);
      assert.match(held.stdout, /^ {2}hint: (?:Put the file itself|Rename what is not UTF-8)/m);
      assert.match(held.stdout, /^hint: --keep-going pushes the good one/m);
      assert.deepEqual(await world.signatures(), before);
      const after = await listAll(staging);
      assert.deepEqual(after, listed, 'the staging directory is as it was');

      const pushed = await world.push([staging], ['--keep-going', '--format', 'json']);
      assert.equal(pushed.code, 1, pushed.stderr);
      const { signatures } = JSON.parse(pushed.stdout) as PushDocument;
      const byStatus = new Map(signatures.map((one) => [one.status, one]));
      assert.deepEqual([...byStatus.keys()].toSorted(), ['new', 'refused']);
      assert.deepEqual(
        [byStatus.get('refused')?.origin, byStatus.get('refused')?.code],
        [origin(place), code],
      );
      assert.equal((await world.signatures()).size, before.size + 1);
    });
  }

  it('has a cure that can be pasted where the push was run', async () => {
    await writeFile(join(staging, PLACE, 'signature-1'), image.bytes.toString('base64'));
    const { stdout } = await runLookaside(['push', "it's staging", '--to', world.remote.fileUrl], {
      env: PUSHER,
      cwd: directory(),
    });
    const [, cure = ''] = /hint: .*?`(base64 [^`]*)`/.exec(stdout) ?? [];
    assert.notEqual(cure, '', stdout);
    await runOrThrow('sh', ['-c', cure], { cwd: directory() });
    assert.deepEqual(await readFile(join(staging, PLACE, 'signature-1')), image.bytes);
  });
});
