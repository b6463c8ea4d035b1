import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isPartial } from '../../generator/sources/git/clone/partial-clone.ts';
import { eventually } from '../kit/eventually.ts';
import { type Lookaside, runLookaside } from '../kit/program/lookaside.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { assertServed } from '../kit/release/assert-served.ts';
import {
  RELEASE,
  RELEASE_REPOSITORY,
  type ReleaseWorld,
  hexOf,
  makeReleaseWorld,
  putFiles,
} from '../kit/release/release-world.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

const reportSchema = z.object({
  files: z.array(
    z.object({ path: z.string(), servedAs: z.string().optional(), release: z.unknown() }),
  ),
});

const MIRROR = 'registry.example/rel/app:v1';
const [A, R1, R2] = ['a0', 'a1', 'a2'].map(hexOf);
const flat = (hex = '', number = 1): string => `sha256=${hex}/signature-${number}`;

/** The clones below a directory from which blobs may be missing. */
async function findPartialClones(below: string): Promise<readonly string[]> {
  const entries = await readdir(below, { recursive: true, withFileTypes: true });
  const clones = entries.filter(({ name }) => name === 'config').map((one) => one.parentPath);
  const partial = await Promise.all(clones.map(isPartial));
  return clones.filter((_, at) => partial[at]);
}

describeWith(['gpg', 'gpgv', 'git'], 'a release area in git', () => {
  const servers = useLookaside();
  const directory = useTemporary();
  let world: ReleaseWorld;
  let image: Buffer;
  let release: Buffer;
  let shared: Buffer;
  before(async () => {
    world = await makeReleaseWorld();
    image = await world.sign('team', 'registry.example/team/app:v1', hexOf('a0'));
    release = await world.sign('vendor', RELEASE, hexOf('a1'));
    shared = await world.sign('both', MIRROR, hexOf('a2'));
  });
  after(() => world.stop());

  const serve = async (from: string, ...args: readonly string[]): Promise<Lookaside> =>
    servers.startHere(from, [
      `--config=${world.config}`,
      '--listen=127.0.0.1:0',
      '--status-listen=127.0.0.1:0',
      `--state-dir=${join(directory(), 'state')}`,
      ...args,
    ]);
  let remote: GitRemote;
  beforeEach(async () => {
    remote = await makeGitRemote();
  });
  afterEach(() => remote.remove());

  it('follows pushes, and starts again with what it knew', async () => {
    await remote.publish({
      [`releases/${flat(R1)}`]: release,
      [`releases/${flat(R2)}`]: shared,
      [`team/app@${flat(A)}`]: image,
    });
    const server = await serve(remote.path, '--poll', '1s');
    const all = {
      [flat(R1)]: release,
      [flat(R2)]: shared,
      [`rel/app@${flat(R2)}`]: shared,
      [`team/app@${flat(A)}`]: image,
    };
    await assertServed(server, all);
    const later = await world.sign('vendor', RELEASE, hexOf('a2'));
    await remote.publish({
      [`releases/${flat(R2)}`]: null,
      [`releases/ocp@sha256=${R2}/signature-7`]: later,
    });
    await eventually(async () => {
      await assertServed(server, {
        [`${RELEASE_REPOSITORY}/${flat(R2)}`]: later,
        [`rel/app@${flat(R2)}`]: 404,
        [`rel/app/${flat(R2)}`]: 404,
      });
    });
    await server.stop();
    const again = await serve(remote.path, '--poll', '1s');
    await assertServed(again, {
      [flat(R1)]: release,
      [`${RELEASE_REPOSITORY}/${flat(R2)}`]: later,
      [`rel/app@${flat(R2)}`]: 404,
      [`team/app@${flat(A)}`]: image,
    });
  });

  it('forgets what it knew when other keys count', async () => {
    await remote.publish({ [`releases/${flat(R1)}`]: release, [`releases/${flat(R2)}`]: shared });
    const first = await serve(remote.path);
    await assertServed(first, { [flat(R1)]: release, [flat(R2)]: shared });
    await first.stop();
    const config = await world.configure('other-keys.yaml', {
      scopes: { 'registry.example': { keys: ['team.asc', 'both.asc'] } },
      releases: [{ from: 'releases', keys: 'both.asc' }],
    });
    const other = await serve(remote.path, '--config', config);
    await assertServed(other, { [flat(R1)]: 404, [flat(R2)]: shared });
    await other.stop();
    // Without an area it is named like a signature, and lies nowhere.
    const none = await world.configure('no-area.yaml', {
      scopes: { 'registry.example': { keys: ['team.asc', 'both.asc'] } },
    });
    const without = await serve(remote.path, '--config', none);
    await assertServed(without, { [flat(R2)]: 404, [`rel/app@${flat(R2)}`]: 404 });
  });

  it('is told of in proposals: what comes, and what goes', async () => {
    await remote.publish({ [`releases/${flat(R1)}`]: release });
    await remote.git('checkout', '-q', '-b', 'proposal');
    await remote.commit({ [`releases/${flat(R1)}`]: null, [`releases/${flat(R2)}`]: shared });
    const args = ['--base', 'main', '--config', world.config, '--format', 'json'];
    const { stdout, code, stderr } = await runLookaside(['check', remote.work, ...args]);
    assert.equal(code, 1, stderr);
    const { files } = reportSchema.parse(JSON.parse(stdout));
    const servedAs = [`/${flat(R2)}`, `/rel/app/${flat(R2)}`];
    assert.deepEqual(
      files.map((file) => [file.path, file.servedAs, file.release]),
      [[`releases/${flat(R2)}`, `/rel/app@${flat(R2)}`, { servedAs }]],
    );
    assert.match(
      stdout,
      new RegExp(`"path": "releases/${flat(R1)}",\\s+"code": "signature-removed"`),
    );
  });

  it('is pushed to, flat', async () => {
    const file = join(directory(), 'signature-1');
    await putFiles(directory(), { 'signature-1': release });
    await remote.publish({
      'lookaside.yaml': await readFile(world.config),
      'team.asc': await readFile(world.config.replace('lookaside.yaml', 'team.asc')),
      'vendor.asc': await readFile(world.config.replace('lookaside.yaml', 'vendor.asc')),
      'both.asc': await readFile(world.config.replace('lookaside.yaml', 'both.asc')),
    });
    const server = await serve(remote.path, '--poll=1s');
    const push = ['push', file, '--to', remote.path];
    const wait = ['--wait', server.baseUrl];
    const { code, stderr } = await runLookaside([...push, ...wait]);
    assert.equal(code, 0, stderr);
    await assertServed(server, { [flat(R1)]: release });
    assert.match(
      await remote.gitBare('ls-tree', '-r', '--name-only', 'main'),
      new RegExp(`^releases/${flat(R1)}$`, 'm'),
    );
    const again = await runLookaside(push);
    assert.equal(again.code, 0, again.stderr);
  });

  it('refuses a push whose signature of a release is the tenth, and only that', async () => {
    const names = Array.from({ length: 10 }, (_, at) => `mirror.example/ocp:v${at}`);
    const all = await Promise.all(names.map((one) => world.sign('vendor', one, hexOf('a1'))));
    const nine = all
      .slice(0, 9)
      .map((bytes, at) => [`releases/${flat(R1, at + 1)}`, bytes] as const);
    await remote.publish(Object.fromEntries(nine));
    const server = await serve(remote.path, '--poll=1s', '--on-invalid=refuse');
    await assertServed(server, { [flat(R1, 9)]: all[8] ?? 0 });
    await remote.publish({
      [`releases/${flat(R1, 10)}`]: all[9] ?? null,
      [`releases/${flat(R2)}`]: shared,
    });
    await eventually(async () => {
      const page = await (await fetch(`${server.statusUrl}/rejected`)).text();
      assert.match(page, /too-many-signatures/);
      assert.match(page, new RegExp(`releases/${flat(R1, 10)}`));
    });
    await assertServed(server, { [flat(R1, 9)]: all[8] ?? 0, [flat(R2)]: 404 });
    await remote.publish({ [`releases/${flat(R1, 10)}`]: null });
    await eventually(async () => assertServed(server, { [flat(R2)]: shared }));
  });

  it('is followed in a partial clone, flat files too', async () => {
    await remote.publish({ [`releases/${flat(R1)}`]: release, [`team/app@${flat(A)}`]: image });
    await remote.gitBare('config', 'uploadpack.allowFilter', 'true');
    const server = await serve(`file://${remote.path}`, '--poll=1s');
    await assertServed(server, { [flat(R1)]: release, [`team/app@${flat(A)}`]: image });
    const partial = await findPartialClones(join(directory(), 'state'));
    assert.equal(partial.length, 1);
    await remote.publish({ [`releases/${flat(R2)}`]: shared });
    await eventually(async () => assertServed(server, { [flat(R2)]: shared }));
  });
});
