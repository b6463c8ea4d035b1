import assert from 'node:assert/strict';
import { readFile, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { lookUp } from '../kit/program/look-up.ts';
import { type Lookaside, runLookaside } from '../kit/program/lookaside.ts';
import { assertServed } from '../kit/release/assert-served.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import {
  RELEASE,
  RELEASE_REPOSITORY,
  type ReleaseWorld,
  hexOf,
  makeReleaseWorld,
  putFiles,
} from '../kit/release/release-world.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

const reported = z.object({
  path: z.string(),
  status: z.string(),
  code: z.string().optional(),
  servedAs: z.string().optional(),
  release: z
    .union([z.object({ servedAs: z.array(z.string()) }), z.object({ code: z.string() })])
    .optional(),
});
const reportSchema = z.object({
  summary: z.record(z.string(), z.number()),
  files: z.array(reported),
});
type Report = z.infer<typeof reportSchema>;

const MIRROR = 'registry.example/rel/app:v1';
const [A, R1, R2, R3] = ['a0', 'a1', 'a2', 'a3'].map(hexOf);
const flat = (hex = '', number = 1): string => `sha256=${hex}/signature-${number}`;

describeWith(['gpg', 'gpgv', 'git'], 'a release area', () => {
  const servers = useLookaside();
  const directory = useTemporary();
  const source = (): string => join(directory(), 'sigs');
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

  const check = async (...args: readonly string[]): Promise<[Report, number | null]> => {
    const options = ['--config', world.config, '--format', 'json', ...args];
    const { stdout, code } = await runLookaside(['check', source(), ...options]);
    return [reportSchema.parse(JSON.parse(stdout)), code];
  };
  const serve = async (from = source(), ...args: readonly string[]): Promise<Lookaside> =>
    servers.startHere(from, [
      `--config=${world.config}`,
      '--listen=127.0.0.1:0',
      '--status-listen=127.0.0.1:0',
      `--state-dir=${join(directory(), 'state')}`,
      ...args,
    ]);
  it('serves what lies flat in both layouts, and nothing of it to nodes that would refuse it', async () => {
    await putFiles(source(), {
      [`team/app@sha256=${A}/signature-1`]: image,
      [`releases/${flat(R1)}`]: release,
    });
    const [report, code] = await check();
    assert.equal(code, 0);
    assert.deepEqual(report.summary, { accepted: 2, unverified: 0, rejected: 0, ignored: 0 });
    const servedAs = [`/${flat(R1)}`, `/${RELEASE_REPOSITORY}/${flat(R1)}`];
    assert.deepEqual(
      report.files.map(({ path, release: told, servedAs: first }) => [path, first, told]),
      [
        [`releases/${flat(R1)}`, servedAs[0], { servedAs }],
        [`team/app@sha256=${A}/signature-1`, `/team/app@sha256=${A}/signature-1`, undefined],
      ],
    );
    await assertServed(await serve(), {
      [flat(R1)]: release,
      [flat(R1, 2)]: 404,
      [`${RELEASE_REPOSITORY}/${flat(R1)}`]: release,
      [`${RELEASE_REPOSITORY}@${flat(R1)}`]: 404,
      [`releases/${flat(R1)}`]: 404,
      [flat(A)]: 404,
      [`team/app@${flat(A)}`]: image,
    });
  });

  it('serves what lies as nodes ask for it in all three', async () => {
    await putFiles(source(), { [`releases/rel/app@sha256=${R2}/signature-1`]: shared });
    const served = {
      [`releases/rel/app@${flat(R2)}`]: shared,
      [flat(R2)]: shared,
      [`rel/app/${flat(R2)}`]: shared,
    };
    const [{ files }, code] = await check();
    assert.equal(code, 0);
    assert.deepEqual(files[0]?.servedAs, `/releases/rel/app@${flat(R2)}`);
    await assertServed(await serve(), served);
  });

  it('brings what lies flat to nodes that take it, from the same file', async () => {
    await putFiles(source(), { [`releases/${flat(R2)}`]: shared });
    await assertServed(await serve(), {
      [`rel/app@${flat(R2)}`]: shared,
      [`rel/app@${flat(R2, 2)}`]: 404,
      [flat(R2)]: shared,
      [`rel/app/${flat(R2)}`]: shared,
    });
  });

  it('takes no key of a scope for releases, and no key of releases for a scope', async () => {
    const strange = await world.sign('team', RELEASE, hexOf('a3'));
    const wrong = await world.sign('vendor', 'registry.example/team/app:v1', hexOf('a0'));
    await putFiles(source(), {
      [`releases/${flat(R3)}`]: strange,
      [`team/app@${flat(A)}`]: wrong,
    });
    const [{ files }, code] = await check();
    assert.equal(code, 1);
    assert.deepEqual(
      files.map((file) => [file.path, file.code]),
      [
        [`releases/${flat(R3)}`, 'unknown-signer'],
        [`team/app@${flat(A)}`, 'unknown-signer'],
      ],
    );
    await assertServed(await serve(), { [flat(R3)]: 404, [`team/app@${flat(A)}`]: 404 });
  });

  it('keeps releases and images apart where one lies inside the other', async () => {
    const config = await world.configure('inside.yaml', {
      scopes: { 'registry.example': { keys: 'team.asc', prefix: 'mirror' } },
      releases: [{ from: 'mirror/rel', prefix: 'mirror', keys: 'vendor.asc' }],
    });
    const ofImage = await world.sign('vendor', 'registry.example/team/app:v1', hexOf('a0'));
    const ofRelease = await world.sign('team', RELEASE, hexOf('a1'));
    const inArea = await world.sign('team', 'registry.example/rel/app:v1', hexOf('a2'));
    await putFiles(source(), {
      'elsewhere/file': release,
      [`mirror/rel/${flat(A)}`]: image,
      [`mirror/rel/${flat(R1)}`]: ofRelease,
      [`mirror/rel/${flat(R1, 2)}`]: release,
      [`mirror/rel/${flat(R3)}`]: release,
      [`mirror/rel/app@${flat(R2)}`]: inArea,
      [`mirror/rel/sha256=${R1}@${flat(R1)}`]: ofRelease,
      [`mirror/team/app@${flat(A)}`]: ofImage,
      [`mirror/team/app@${flat(A, 2)}`]: image,
      [`mirror/${flat(R1)}`]: release,
    });
    await symlink('../../../elsewhere/file', join(source(), `mirror/rel/${flat(R1, 3)}`));
    const [{ files }, code] = await check('--config', config);
    assert.equal(code, 1);
    assert.deepEqual(
      files
        .filter(({ status }) => status !== 'ignored')
        .map(({ path, code: fault, servedAs }) => [path, fault ?? servedAs]),
      [
        [`mirror/rel/app@${flat(R2)}`, `/mirror/rel/app@${flat(R2)}`],
        [`mirror/rel/${flat(A)}`, 'unknown-signer'],
        [`mirror/rel/${flat(R1)}`, 'unknown-signer'],
        [`mirror/rel/${flat(R1, 2)}`, `/mirror/${flat(R1)}`],
        [`mirror/rel/${flat(R1, 3)}`, 'symlink'],
        [`mirror/rel/sha256=${R1}@${flat(R1)}`, 'out-of-scope'],
        [`mirror/rel/${flat(R3)}`, 'digest-mismatch'],
        [`mirror/${flat(R1)}`, 'misplaced'],
        [`mirror/team/app@${flat(A)}`, 'unknown-signer'],
        [`mirror/team/app@${flat(A, 2)}`, `/mirror/team/app@${flat(A)}`],
      ],
    );
    await assertServed(await serve(source(), '--config', config), {
      [`mirror/${flat(R1)}`]: release,
      [`mirror/${flat(R1, 2)}`]: 404,
      [`mirror/${flat(A)}`]: 404,
      [`mirror/${flat(R2)}`]: 404,
      [`mirror/${flat(R3)}`]: 404,
      [`mirror/rel/${flat(R1)}`]: 404,
      [`mirror/team/app@${flat(A)}`]: image,
      [`mirror/team/app@${flat(A, 2)}`]: 404,
      [`mirror/rel/app@${flat(R2)}`]: inArea,
      [`mirror/rel/app/${flat(R2)}`]: 404,
    });
  });

  it('is told of a signature that only nodes take', async () => {
    const own = await world.sign('team', 'registry.example/ocp:v1', hexOf('a3'));
    await putFiles(source(), { [`releases/ocp@${flat(R3)}`]: own });
    const [{ files, summary }, code] = await check();
    assert.equal(code, 0);
    assert.equal(summary['accepted'], 1);
    assert.deepEqual(
      files.map(({ release: told }) => told && 'code' in told && told.code),
      ['unknown-signer'],
    );
    const [, strict] = await check('--strict');
    assert.equal(strict, 1);
  });

  it('closes holes, puts the upstream name first, and leaves out what clusters never ask for', async () => {
    const names = Array.from({ length: 10 }, (_, at) => `mirror.example/ocp:v${at}`);
    const all = await Promise.all(
      [...names, RELEASE].map((one) => world.sign('vendor', one, hexOf('a1'))),
    );
    const files = all.map((bytes, at) => [`releases/${flat(R1, 2 * at + 3)}`, bytes] as const);
    await putFiles(source(), Object.fromEntries(files));
    const [report, code] = await check();
    assert.equal(code, 1);
    assert.deepEqual(report.summary, { accepted: 9, unverified: 0, rejected: 2, ignored: 0 });
    const rejected = report.files.filter(({ status }) => status === 'rejected');
    assert.deepEqual(
      rejected.map((file) => file.code),
      ['too-many-signatures', 'too-many-signatures'],
    );
    const server = await serve();
    await assertServed(server, {
      [flat(R1, 1)]: all[10] ?? 0,
      [flat(R1, 2)]: all[0] ?? 0,
      [flat(R1, 9)]: all[7] ?? 0,
      [flat(R1, 10)]: 404,
      [`${RELEASE_REPOSITORY}/${flat(R1)}`]: all[10] ?? 0,
      [`${RELEASE_REPOSITORY}/${flat(R1, 2)}`]: 404,
      [`ocp/${flat(R1, 8)}`]: all[7] ?? 0,
      [`ocp/${flat(R1, 9)}`]: 404,
    });
  });

  for (const prefix of ['', 'openshift', 'team/app']) {
    it(`keeps the contract of all lookups below "${prefix}"`, async () => {
      const config = await world.configure('prefixed.yaml', {
        scopes: { 'registry.example': { keys: 'team.asc' } },
        releases: [{ prefix, from: 'releases', keys: 'vendor.asc' }],
      });
      await putFiles(source(), { [`releases/${flat(R1)}`]: release });
      const server = await serve(source(), '--config', config);
      const base = prefix === '' ? '' : `${prefix}/`;
      for (const place of [base, `${base}${RELEASE_REPOSITORY}/`]) {
        await assertContract(server, `${place}sha256=`);
        const doubled = place.replaceAll('/', '//');
        await assertServed(server, {
          [`/${doubled}${flat(R1)}`]: release,
          [`${place}${flat(R1).replace('=', '%3D')}`]: release,
          [`${place}${flat(R1)}/`]: 404,
          [`${place}${flat(R1).toUpperCase()}`]: 404,
          [`${place}sha256=${R1}/signature-01`]: 404,
          [`${place}sha256=${R1}`]: 404,
          [`${place}sha256:${R1}/signature-1`]: 404,
        });
      }
      if (prefix !== '') await assertServed(server, { [flat(R1)]: 404 });
    });
  }

  /** What clients and caches get from a directory that has one signature, and from one that has none. */
  async function assertContract(server: Lookaside, place: string): Promise<void> {
    const url = `${server.baseUrl}/${place}${R1}/signature-1`;
    const got = await fetch(url, { headers: { 'Content-Type': 'application/json' } });
    const etag = got.headers.get('ETag') ?? '';
    assert.equal(got.status, 200, url);
    assert.equal(got.headers.get('Content-Type'), 'application/octet-stream');
    assert.equal(got.headers.get('Content-Length'), String(release.length));
    assert.equal((await fetch(url, { headers: { 'If-None-Match': etag } })).status, 304);
    const head = await fetch(url, { method: 'HEAD' });
    assert.deepEqual(
      [head.status, head.headers.get('Content-Length'), head.headers.get('ETag')],
      [200, String(release.length), etag],
    );
    const missing = `${server.baseUrl}/${place}${R2}/signature-1`;
    for (const method of ['PUT', 'POST', 'DELETE', 'PATCH']) {
      for (const target of [url, missing]) {
        const { status, headers } = await fetch(target, { method });
        assert.deepEqual(
          [method, status, headers.get('Allow')],
          [method, 405, 'GET, HEAD, OPTIONS'],
        );
      }
    }
    for (const method of ['GET', 'HEAD']) {
      const answer = await fetch(missing, { method });
      assert.deepEqual([answer.status, await answer.text()], [404, '']);
      assert.equal(answer.headers.get('Cache-Control'), 'no-store');
    }
  }

  it('misses only the first signature of a release, and tells of it as one', async () => {
    await putFiles(source(), { [`releases/${flat(R1)}`]: release });
    const server = await serve();
    for (const path of [flat(R1), flat(R1, 2), flat(R2, 2), flat(R3)]) await lookUp(server, path);
    const refused = await fetch(`${server.statusUrl}/refused.json`);
    const told = (await refused.json()) as { refused: Record<string, unknown>[] };
    assert.deepEqual(
      told.refused.map(({ repository, digest, release: isRelease }) => [
        repository,
        digest,
        isRelease,
      ]),
      [['', `sha256:${R3}`, true]],
    );
    for (const page of ['', 'refused', `image?directory=sha256=${R3}`, `search?q=${R3}`]) {
      const response = await fetch(`${server.statusUrl}/${page}`);
      assert.equal(response.status, 200, page);
      assert.match(await response.text(), new RegExp(R3 ?? ''), page);
    }
    const page = await (await fetch(`${server.statusUrl}/refused`)).text();
    assert.match(page, /release <code/);
  });

  it('misses no signature of an image that a release vouches for', async () => {
    const config = await world.configure('vouched.yaml', {
      scopes: {
        'registry.example': { keys: 'team.asc' },
        'registry.example/ocp': { release: true },
      },
      releases: [{ from: 'releases', keys: 'vendor.asc' }],
    });
    await putFiles(source(), { [`releases/${flat(R1)}`]: release });
    const server = await serve(source(), '--config', config);
    const paths = [`ocp/art@${flat(R2)}`, `team/app@${flat(R2)}`];
    for (const path of paths) await assertServed(server, { [path]: 404 });
    const refused = await fetch(`${server.statusUrl}/refused.json`);
    const told = (await refused.json()) as { refused: { repository: string }[] };
    assert.deepEqual(
      told.refused.map(({ repository }) => repository),
      ['team/app'],
    );
  });

  it('lets nodes take the images of a release, and explains why', async () => {
    const config = await world.configure('nodes.yaml', {
      scopes: {
        'registry.example': { keys: 'team.asc' },
        'registry.example/ocp': { release: true },
      },
    });
    const out = join(directory(), 'nodes');
    const options = [
      `--config=${config}`,
      '--url=https://store.example',
      '--default=reject',
      `--out=${out}`,
    ];
    const { code, stderr } = await runLookaside(['node-config', ...options]);
    assert.equal(code, 0, stderr);
    const policy: unknown = JSON.parse(
      await readFile(join(out, 'etc/containers/policy.json'), 'utf8'),
    );
    const { transports } = z
      .object({
        transports: z.record(
          z.string(),
          z.record(z.string(), z.array(z.object({ type: z.string() }))),
        ),
      })
      .parse(policy);
    assert.deepEqual(transports['docker']?.['registry.example/ocp'], [
      { type: 'insecureAcceptAnything' },
    ]);
    await putFiles(source(), { [`releases/${flat(R1)}`]: release });
    const reference = `registry.example/ocp/art@sha256:${R2}`;
    const explained = await runLookaside(['explain', reference, source(), '--config', config]);
    assert.equal(explained.code, 0, explained.stdout + explained.stderr);
    assert.match(explained.stdout, /a release,? which vouches for them/);
  });

  it('is written by generate in every layout', async () => {
    await putFiles(source(), {
      [`releases/${flat(R2)}`]: shared,
      [`releases/${flat(R1)}`]: release,
    });
    const out = join(directory(), 'out');
    const args = ['generate', source(), '--config', world.config, '--out', out];
    const { code, stderr } = await runLookaside(args);
    assert.equal(code, 0, stderr);
    for (const [path, bytes] of [
      [`rel/app@${flat(R2)}`, shared],
      [flat(R2), shared],
      [`rel/app/${flat(R2)}`, shared],
      [flat(R1), release],
      [`${RELEASE_REPOSITORY}/${flat(R1)}`, release],
    ] as const) {
      assert.deepEqual(await readFile(join(out, 'current', path)), bytes, path);
    }
  });

  it('is refused with a key that clusters cannot load', async () => {
    const key = await world.signer.makeKey({ algorithm: 'ed25519' });
    const file = await world.signer.exportKeys(join(directory(), 'ed.asc'), key);
    const config = await world.configure('ed.yaml', {
      releases: [{ from: 'releases', keys: file }],
    });
    await putFiles(source(), { [`releases/${flat(R1)}`]: release });
    const { code, stderr } = await runLookaside(['check', source(), '--config', config]);
    assert.equal(code, 2);
    assert.match(stderr, /ed\.asc.*\nhint: /);
    await rm(file);
  });
});
