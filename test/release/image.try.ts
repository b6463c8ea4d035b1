// The image of a release, as the workflow makes it, as far as a registry on this machine goes: built on a
// Debian, pushed, signed with cosign and with our own signatures, and served by itself to a node that pulls it.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { z } from 'zod';
import { readAction } from '../ci/pieces.ts';
import { makeNode } from '../kit/node/node.ts';
import { type Background, startBackground } from '../kit/process/background.ts';
import { freePort } from '../kit/process/free-port.ts';
import { type RunResult, run, runOrThrow } from '../kit/process/run.ts';
import { SERVING } from '../kit/program/lookaside.ts';
import { putLookasideInPath } from '../kit/program/lookaside-in-path.ts';
import { lookUp } from '../kit/program/look-up.ts';
import { SignWorld } from '../kit/push/sign-world.ts';
import { architecture } from '../kit/registry/scratch-image.ts';
import { useTemporary } from '../kit/temporary.ts';
import {
  MOUNT_ROOT,
  PATIENCE,
  makeDebian,
  needPrograms,
  stopInside,
  tell,
  unpackPackage,
} from './debian.ts';

const VERSION = '1.2.3';
const EPOCH = '1750000000';
const SOURCE = 'https://git.example.com/team/lookaside';
const REVISION = '0123456789abcdef0123456789abcdef01234567';
/** As OpenShift chooses one. */
const USER = '1000760000';
const MIB = 1024 * 1024;
const BILL = 'bundled/sbom.cdx.json';

const manifestSchema = z.object({ layers: z.array(z.object({ size: z.number() })) });
const listSchema = z.object({ manifests: z.array(z.object({ digest: z.string() })) });
const configSchema = z.object({
  created: z.string(),
  architecture: z.string(),
  config: z.object({
    User: z.string(),
    Env: z.array(z.string()),
    Entrypoint: z.array(z.string()),
    Labels: z.record(z.string(), z.string()),
  }),
});

describe('the image of a release', () => {
  const directory = useTemporary('suite');
  const at = (...names: readonly string[]): string => join(directory(), ...names);
  let world: SignWorld<'release'>;
  let image = '';
  let digest = '';
  let env: Readonly<Record<string, string>> = {};
  let config: z.infer<typeof configSchema>['config'];
  let store: Background | undefined;
  let baseUrl = '';

  before('make a registry, a key, a signature repository and a Debian', async () => {
    await needPrograms('mmdebstrap', 'buildah', 'skopeo', 'docker-registry', 'unshare');
    world = await SignWorld.make({ release: {} });
    await world.accept(['release']);
    image = `${world.registry.host}/team/lookaside`;
    const storage = `[storage]\ndriver = "vfs"\ngraphroot = "${at('graph')}"\nrunroot = "${at('run')}"\n`;
    await writeFile(at('storage.conf'), storage);
    env = {
      CONTAINERS_STORAGE_CONF: at('storage.conf'),
      PATH: await putLookasideInPath(directory()),
    };
    await makeDebian(at('debian.tar'), ['ca-certificates', 'nodejs']);
    const container = await buildah('from', 'scratch');
    await buildah('add', '--quiet', container, at('debian.tar'), '/');
    await buildah('commit', '--quiet', container, 'localhost/debian');
    // What builds needs npm, which Debian has in 400 packages.
    const npm = (await runOrThrow('npm', ['root', '--global'])).stdout.trim();
    await buildah('copy', '--quiet', container, join(npm, 'npm'), '/usr/lib/node_modules/npm');
    const link = ['ln', '-s', '/usr/lib/node_modules/npm/bin/npm-cli.js', '/usr/local/bin/npm'];
    await buildah('run', '--isolation', 'chroot', container, '--', ...link);
    await buildah('commit', '--quiet', '--rm', container, 'localhost/debian-npm');
    await rm(at('debian.tar'));
  });
  after(async () => {
    await store?.stop('SIGKILL');
    await world.stop();
  });

  const buildah = async (...words: readonly string[]): Promise<string> =>
    (await runOrThrow('buildah', words, { env, timeout: PATIENCE })).stdout.trim();
  const release = async (script: string, ...words: readonly string[]): Promise<RunResult> =>
    run(`scripts/release/${script}`, words, {
      env: {
        ...env,
        REVISION,
        SOURCE,
        SOURCE_DATE_EPOCH: EPOCH,
        PLATFORMS: `linux/${architecture}`,
        TLS_VERIFY: 'false',
      },
      timeout: PATIENCE,
    });

  it('is built and pushed, with what it is made of in its labels', async () => {
    const begun = performance.now();
    const args = ['BUILD=localhost/debian-npm', 'BASE=localhost/debian'];
    const { code, stdout, stderr } = await release(
      'push-image.sh',
      image,
      VERSION,
      '--isolation=chroot',
      ...args.flatMap((arg) => ['--build-arg', arg]),
      ...(await npmVolumes()),
    );
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^sha256:[0-9a-f]{64}\n$/);
    digest = stdout.trim();
    const { manifests } = listSchema.parse(await inspect(`${image}@${digest}`, '--raw'));
    assert.equal(manifests.length, 1);
    const { layers } = manifestSchema.parse(
      await inspect(`${image}@${manifests[0]?.digest}`, '--raw'),
    );
    const size = layers.reduce((sum, layer) => sum + layer.size, 0);
    const seconds = Math.round((performance.now() - begun) / 1000);
    tell(`built in ${seconds} s; ${(size / MIB).toFixed(0)} MiB to pull, with Debian and Node.js`);

    const inspected = configSchema.parse(await inspect(`${image}@${digest}`, '--config'));
    ({ config } = inspected);
    assert.equal(inspected.architecture, architecture);
    assert.equal(config.User, '1001:0');
    const { Labels: labels } = config;
    const label = (name: string): string | undefined => labels[`org.opencontainers.image.${name}`];
    assert.equal(label('version'), VERSION);
    assert.equal(label('revision'), REVISION);
    assert.equal(label('source'), SOURCE);
    assert.equal(label('licenses'), 'Apache-2.0');
    assert.equal(label('created'), '2025-06-15T15:06:40Z');
    assert.match(inspected.created, /^2025-06-15T15:06:40/);
  });

  it('is not taken for pushed where no registry is', async () => {
    const nowhere = `127.0.0.1:${await freePort()}/team/lookaside`;
    await writeFile(at('Containerfile'), 'FROM scratch\nCOPY LICENSE /\n');
    const args = ['--isolation=chroot', `--file=${at('Containerfile')}`];
    const { code, stdout, stderr } = await release('push-image.sh', nowhere, VERSION, ...args);
    assert.equal(stdout, '');
    assert.notEqual(code, 0);
    assert.match(stderr, /push-image: nothing was pushed|connection refused/);
  });

  it('is signed with cosign, which attests to what is in it', async () => {
    const cosign = join(await unpackPackage(at(), 'cosign'), 'usr/bin');
    env = { ...env, PATH: `${cosign}${delimiter}${env['PATH']}`, COSIGN_PASSWORD: '' };
    await runOrThrow('cosign', ['generate-key-pair'], { cwd: at(), env });
    const key = ['--key', at('cosign.key'), '--tlog-upload=false'];
    const byTag = await release('attest-image.sh', `${image}:${VERSION}`, BILL, ...key);
    assert.equal(byTag.code, 2);
    assert.match(byTag.stderr, /^attest-image: expected an image by its digest, got /);
    const signed = await release('attest-image.sh', `${image}@${digest}`, BILL, ...key);
    assert.equal(signed.code, 0, signed.stderr);

    const verify = ['--key', at('cosign.pub'), '--insecure-ignore-tlog=true', `${image}@${digest}`];
    await runOrThrow('cosign', ['verify', ...verify], { env });
    const { stdout } = await runOrThrow(
      'cosign',
      ['verify-attestation', '--type', 'cyclonedx', ...verify],
      { env },
    );
    const { payload } = z.object({ payload: z.string() }).parse(JSON.parse(stdout));
    const { predicate } = z
      .object({ predicate: z.object({ components: z.array(z.unknown()) }) })
      .parse(JSON.parse(Buffer.from(payload, 'base64').toString()));
    assert.ok(predicate.components.length > 50);
    tell(`cosign verifies it, and an attestation to ${predicate.components.length} packages`);
    // Nobody else has signed it.
    await runOrThrow('cosign', ['generate-key-pair', '--output-key-prefix=other'], {
      cwd: at(),
      env,
    });
    const other = await run('cosign', ['verify', ...verify.with(1, at('other.pub'))], { env });
    assert.notEqual(other.code, 0);
  });

  it('is signed with OpenPGP, into a signature repository', async () => {
    const piece = readAction('deploy/ci/github/sign/action.yml');
    const secretFile = await world.signer.exportSecret(at('secret.asc'), world.keys.release);
    const given: Readonly<Record<string, string>> = {
      images: `${image}:${VERSION}@${digest}`,
      to: world.remote.path,
      'sign-by': world.keys.release.fingerprint,
      'private-key': await readFile(secretFile, 'utf8'),
      'author-name': 'Release',
      'author-email': 'release@example.com',
    };
    // Each variable is one of its inputs.
    const variables = Object.entries(piece.env).map(([variable, value]) => {
      const name = value.replace(/^\$\{\{ inputs\.(.*) \}\}$/, '$1');
      return [variable, given[name] ?? piece.inputs[name] ?? ''];
    });
    const { code, stdout, stderr } = await run('sh', ['-c', piece.script], {
      env: { ...env, ...Object.fromEntries(variables), GNUPGHOME: undefined },
    });
    assert.equal(code, 0, stderr);
    tell(stdout.trim().split('\n').at(-1) ?? '');
    const places = await world.signatures();
    assert.ok(places.includes(`team/lookaside@${digest.replace(':', '=')}/signature-1`));
  });

  it('serves that signature, as any user, on a root that nobody can write to', async () => {
    const container = await buildah('from', '--tls-verify=false', `docker://${image}@${digest}`);
    const root = await buildah('mount', container);
    await cp(await world.keyFile('release'), join(root, 'opt/key.asc'));
    const { url } = await world.remote.serveHttp();
    const listen = ['--listen=127.0.0.1:0', '--status-listen=127.0.0.1:0'];
    const words = [...config.Entrypoint, 'serve', url, '--keys=/opt/key.asc', ...listen];
    const begun = performance.now();
    store = await startBackground('unshare', [
      '--mount',
      '--pid',
      '--fork',
      '--kill-child',
      'sh',
      '-ec',
      RUN_IMAGE,
      'sh',
      root,
      USER,
      ...config.Env,
      ...words,
    ]);
    const { groups = {} } = await store.waitForLine(SERVING, PATIENCE);
    tell(
      `serves ${Math.round(performance.now() - begun)} ms after it was started, as user ${USER}`,
    );
    baseUrl = groups['baseUrl'] ?? '';
    assert.equal(groups['signatures'], '2');
    const answer = await lookUp(
      { baseUrl },
      `team/lookaside@${digest.replace(':', '=')}/signature-1`,
    );
    assert.equal(answer.status, 200);
    const { stdout } = await runOrThrow('ps', ['-o', 'pid=,uid=,gid=', '--ppid', `${store.pid}`]);
    const [pid, uid, gid] = stdout.trim().split(/\s+/);
    assert.deepEqual([uid, gid], [USER, '0']);
    // proc_pid_mountinfo(5), of its root.
    assert.match(await readFile(`/proc/${pid}/mountinfo`, 'utf8'), /^(?:\S+ ){4}\/ ro[, ]/m);
  });

  it('is pulled by its digest, by a node that accepts nothing without that signature', async () => {
    const accepting = await makeNode({
      scope: image,
      lookaside: baseUrl,
      keys: [await world.keyFile('release')],
    });
    try {
      const pulled = await accepting.copyWithSkopeo(`${image}@${digest}`);
      assert.equal(pulled.outcome, 'accepted', pulled.stderr);
      tell('skopeo pulls it by its digest, with a policy that wants the signature');
    } finally {
      await accepting.remove();
    }
    const none = await makeNode({
      scope: image,
      lookaside: `${baseUrl}/nothing`,
      keys: [await world.keyFile('release')],
    });
    try {
      assert.match(
        (await none.copyWithSkopeo(`${image}@${digest}`)).stderr,
        /A signature was required, but no signature exists/,
      );
    } finally {
      await none.remove();
    }
  });

  it('ends when it is told to', async () => {
    assert.equal(await stopInside(store ?? assert.fail()), 0);
  });
});

async function inspect(reference: string, ...words: readonly string[]): Promise<unknown> {
  const args = ['inspect', '--tls-verify=false', ...words, `docker://${reference}`];
  return JSON.parse((await runOrThrow('skopeo', args)).stdout);
}

async function askNpm(name: string): Promise<string> {
  return (await runOrThrow('npm', ['config', 'get', name])).stdout.trim();
}

/** What npm in the build is told by the files of this machine: its registry, and whom it believes. */
async function npmVolumes(): Promise<readonly string[]> {
  const cafile = await askNpm('cafile');
  const mounts = [
    [await askNpm('userconfig'), '/root/.npmrc'],
    [cafile, cafile],
  ] as const;
  return mounts
    .filter(([path]) => existsSync(path))
    .flatMap(([path, inside]) => ['--volume', `${path}:${inside}:ro`]);
}

/** Arguments: the root, the user, variables, and the command. */
const RUN_IMAGE = `${MOUNT_ROOT}
cp /etc/resolv.conf "$1/etc/resolv.conf" || :
mount -t tmpfs -o mode=0770,uid=1001,gid=0 state "$1/var/lib/lookaside"
mount -o remount,bind,ro "$1"
root=$1
user=$2
shift 2
exec chroot "$root" setpriv --reuid "$user" --regid 0 --clear-groups --no-new-privs \
  --inh-caps=-all --bounding-set=-all env -i "$@"
`;
