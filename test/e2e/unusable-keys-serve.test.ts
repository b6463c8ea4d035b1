// A server whose key files break goes on with the keys that were good last, scope by scope.
import assert from 'node:assert/strict';
import { copyFile, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { eventually } from '../kit/eventually.ts';
import { assertMissing, assertServed } from '../kit/program/assert-served.ts';
import type { Lookaside } from '../kit/program/lookaside.ts';
import { readStatus } from '../kit/program/read-status.ts';
import { runInProcess } from '../kit/program/run-in-process.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { type Publisher, type SignedFile, makePublisher } from '../kit/signer/publisher.ts';
import type { SigningKey } from '../kit/signer/signer.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

const TEAM = 'registry.example/team';
const VENDOR = 'registry.example/vendor';

/** In all places where operators look. */
const assertTold = async (
  server: Lookaside,
  code: string,
  message: RegExp,
  scopes: readonly string[] = [VENDOR],
): Promise<void> => {
  const [trouble, ...others] = (await readStatus(server)).troubles.filter(
    ({ kind }) => kind !== 'undecided-files',
  );
  assert.deepEqual([trouble?.kind, others.length], ['keys-unusable', 0]);
  assert.match(trouble?.message ?? '', message);
  const { keyFaults } = await readStatus(server);
  assert.deepEqual(
    keyFaults.map((fault) => [fault.scope, fault.code]),
    scopes.map((scope) => [scope, code]),
  );
  const metrics = await (await fetch(`${server.statusUrl}/metrics`)).text();
  assert.match(metrics, /^lookaside_trouble\{kind="keys-unusable"\} 1$/m);
  assert.match(metrics, new RegExp(`^lookaside_unusable_key_files\\{scope="${VENDOR}"\\} 1$`, 'm'));
  const page = await (await fetch(server.statusUrl)).text();
  assert.match(page, /<li data-key="keys-unusable">/);
  assert.match(server.stderr(), /"level":"error".*"scope":"registry\.example\/vendor"/);
};
const assertWell = async (server: Lookaside): Promise<void> =>
  eventually(async () => {
    assert.deepEqual((await readStatus(server)).troubles, []);
    assert.deepEqual((await readStatus(server)).keyFaults, []);
    const metrics = await (await fetch(`${server.statusUrl}/metrics`)).text();
    assert.doesNotMatch(metrics, /^lookaside_unusable_key_files\{/m);
  });

const codesOf = async (server: Lookaside): Promise<readonly string[]> =>
  (await readStatus(server)).keyFaults.map(({ code }) => code);
const nodesPolicyOf = async (server: Lookaside): Promise<Response> =>
  fetch(`${server.baseUrl}/nodes/policy.json`);

describeWith(['gpg', 'gpgv', 'git'], 'a server whose key files cannot be used', () => {
  const directory = useTemporary();
  const servers = useLookaside();
  const at = (...names: readonly string[]): string => join(directory(), ...names);
  let publisher: Publisher;
  let remote: GitRemote;
  let vendor: SigningKey;
  let successor: SigningKey;
  let ours: SignedFile;
  let theirs: SignedFile;
  /** Of the team, by a key that is not accepted yet. */
  let next: SignedFile;
  /** By somebody whose key is revoked: `left.asc` is it before, `gone.asc` after, `left.rev` in between. */
  let left: SignedFile;
  let home: string;

  before(async () => {
    [publisher, remote] = await Promise.all([makePublisher(), makeGitRemote()]);
    const { signer, sign } = publisher;
    vendor = await signer.makeKey({ algorithm: 'rsa2048' });
    successor = await signer.makeKey({ algorithm: 'ed25519' });
    ours = await sign({ repository: 'team/app' });
    theirs = await sign({ repository: 'vendor/app', key: vendor });
    next = await sign({ repository: 'team/next', key: successor });
    const leaver = await signer.makeKey({ algorithm: 'ed25519' });
    left = await sign({ repository: 'left/app', key: leaver });
    home = signer.home;
    await signer.exportKeys(join(home, 'left.asc'), leaver);
    const certificate = join(home, 'openpgp-revocs.d', `${leaver.fingerprint}.rev`);
    const revocation = (await readFile(certificate, 'utf8')).replace(/^:-----/m, '-----');
    await writeFile(join(home, 'left.rev'), revocation);
    await signer.revoke(leaver);
    await signer.exportKeys(join(home, 'gone.asc'), leaver);
    const files = [ours, theirs, next, left].map(
      ({ location, bytes }) => [location, bytes] as const,
    );
    await remote.publish(Object.fromEntries(files));
  });
  after(async () => Promise.all([publisher.stop(), remote.remove()]));
  beforeEach(async () => {
    await publisher.signer.exportKeys(at('team.asc'), publisher.key);
    await publisher.signer.exportKeys(at('vendor.asc'), vendor);
    const scopes = { [TEAM]: { keys: 'team.asc' }, [VENDOR]: { keys: 'vendor.asc' } };
    await writeFile(at('lookaside.yaml'), stringify({ scopes }));
  });

  const start = async (...args: readonly string[]): Promise<Lookaside> =>
    servers.startHere(remote.path, [
      `--config=${at('lookaside.yaml')}`,
      `--state-dir=${at('state')}`,
      '--poll=0s',
      ...args,
    ]);

  /** A policy with requirements for all of `registry.example`, each by its key files. */
  const ask = async (...requirements: readonly (readonly string[])[]): Promise<void> => {
    const rules = requirements.map((names) => ({
      type: 'signedBy',
      keyType: 'GPGKeys',
      keyPaths: names.map((name) => `/${name}`),
    }));
    const transports = { docker: { 'registry.example': rules } };
    const policy = { default: [{ type: 'reject' }], transports };
    await writeFile(at('policy.json'), JSON.stringify(policy));
  };
  /** Also that nodes are told to ask for both. */
  const assertBoth = async (server: Lookaside): Promise<void> => {
    await assertServed(server, ours);
    await assertServed(server, theirs);
    const told = await (await nodesPolicyOf(server)).text();
    const files = new Set(told.match(/[\w.-]+\.(?:asc|gpg)/g));
    assert.equal(files.size, 2, told);
  };
  const startByPolicy = async (): Promise<Lookaside> =>
    servers.startHere(remote.path, [
      `--policy=${at('policy.json')}`,
      `--policy-root=${directory()}`,
      `--state-dir=${at('state')}`,
      '--poll=0s',
    ]);

  const breakages = {
    'is gone': async () => rm(at('vendor.asc')),
    'is a web page': async () => writeFile(at('vendor.asc'), '<!DOCTYPE html>'),
    'is empty': async () => writeFile(at('vendor.asc'), ''),
    'is a private key': async () =>
      void (await publisher.signer.exportSecret(at('vendor.asc'), vendor)),
  };

  describe('at its first start', () => {
    for (const title of ['is gone', 'is empty', 'is a private key'] as const) {
      it(`serves the other scopes where one ${title}, and this one once it is mended`, async () => {
        await breakages[title]();
        const server = await start();
        await assertServed(server, ours);
        await assertMissing(server, theirs);
        await assertTold(server, 'scope-not-judged', /\/vendor" cannot be judged: .*vendor\.asc/);
        const { rejected: all } = await readStatus(server);
        const rejected = all.find(({ path }) => path === theirs.location);
        assert.equal(rejected?.code, 'cannot-verify');
        assert.match(rejected.message, /^the scope "registry\.example\/vendor" cannot be judged/);
        await publisher.signer.exportKeys(at('vendor.asc'), vendor);
        server.signal('SIGHUP');
        await eventually(() => assertServed(server, theirs));
        await assertWell(server);
      });
    }

    it('serves nothing where no scope could be judged, says so, and serves them once they are mended', async () => {
      await rm(at('team.asc'));
      await rm(at('vendor.asc'));
      const server = await start();
      await assertMissing(server, ours);
      await assertMissing(server, theirs);
      const both =
        /\/team" cannot be judged: .*team\.asc.*\/vendor" cannot be judged: .*vendor\.asc/;
      await assertTold(server, 'scope-not-judged', both, [TEAM, VENDOR]);
      await publisher.signer.exportKeys(at('team.asc'), publisher.key);
      await publisher.signer.exportKeys(at('vendor.asc'), vendor);
      server.signal('SIGHUP');
      await eventually(() => assertServed(server, ours));
      await eventually(() => assertServed(server, theirs));
      await assertWell(server);
    });

    it('hands out no policy for nodes that lacks a scope, nor an empty key file', async () => {
      await rm(at('vendor.asc'));
      const server = await start();
      const statusOf = async (path: string) => (await fetch(`${server.baseUrl}/${path}`)).status;
      assert.equal(await statusOf('nodes/policy.json'), 404);
      const page = await (await fetch(server.baseUrl)).text();
      assert.match(page, /registry\.example\/team/);
      assert.doesNotMatch(page, /keys\/lookaside-registry\.example-vendor\.asc/);
    });
  });

  describe('at a reload', () => {
    for (const title of ['is gone', 'is a private key'] as const) {
      it(`keeps the last good keys of a scope whose file ${title}, and takes new ones of others`, async () => {
        const server = await start();
        await assertServed(server, theirs);
        await assertMissing(server, next);
        await breakages[title]();
        await publisher.signer.exportKeys(at('team.asc'), publisher.key, successor);
        server.signal('SIGHUP');
        await eventually(() => assertServed(server, next));
        await assertServed(server, theirs);
        await assertTold(
          server,
          'key-file-unusable',
          /vendor\.asc.*; its last good keys stay in force$/,
        );
        // Nor do they get lost at the next one.
        server.signal('SIGHUP');
        await eventually(() => {
          const readings = server.stderr().match(/"msg":"files were read again"/g);
          assert.equal(readings?.length, 2);
        });
        await assertServed(server, theirs);
        await publisher.signer.exportKeys(at('vendor.asc'), vendor);
        server.signal('SIGHUP');
        await assertWell(server);
        await assertServed(server, theirs);
      });
    }

    it('takes a key out of force that somebody has taken out of its file', async () => {
      await publisher.signer.exportKeys(at('team.asc'), publisher.key, successor);
      const server = await start();
      await assertServed(server, next);
      await rm(at('vendor.asc'));
      await publisher.signer.exportKeys(at('team.asc'), publisher.key);
      server.signal('SIGHUP');
      await eventually(() => assertMissing(server, next));
      await assertServed(server, ours);
      await assertServed(server, theirs);
    });

    it('keeps the keys of one file of a list, and takes those of another', async () => {
      const keys = ['team.asc', 'more.asc'];
      await publisher.signer.exportKeys(at('more.asc'), vendor);
      await writeFile(
        at('lookaside.yaml'),
        stringify({ scopes: { 'registry.example': { keys } } }),
      );
      const server = await start();
      await assertServed(server, theirs);
      await assertMissing(server, next);
      await rm(at('more.asc'));
      await publisher.signer.exportKeys(at('team.asc'), publisher.key, successor);
      server.signal('SIGHUP');
      await eventually(() => assertServed(server, next));
      await assertServed(server, theirs);
    });
  });

  describe('at a start with what an earlier run has left', () => {
    for (const title of ['is gone', 'is a web page'] as const) {
      it(`keeps the last good keys of a scope whose file ${title}`, async () => {
        await (await start()).stop();
        await breakages[title]();
        const server = await start();
        await assertServed(server, ours);
        await assertServed(server, theirs);
        await assertTold(server, 'key-file-unusable', /; its last good keys stay in force$/);
      });
    }

    it('keeps them over as many starts as it takes', async () => {
      await (await start()).stop();
      await rm(at('vendor.asc'));
      for (let count = 0; count < 3; count++) {
        const server = await start();
        await assertServed(server, theirs);
        assert.equal(await server.stop(), 0);
      }
    });

    it('keeps those of --keys, without which it would not start', async () => {
      const serve = async (): Promise<Lookaside> =>
        servers.startHere(remote.path, [
          `--keys=${at('team.asc')}`,
          `--state-dir=${at('state')}`,
          '--poll=0s',
        ]);
      await (await serve()).stop();
      await rm(at('team.asc'));
      const server = await serve();
      await assertServed(server, ours);
      await server.stop();
      await rm(at('state'), { recursive: true });
      await assert.rejects(serve(), /it ended with 2: .*--keys: cannot read keys: ENOENT/s);
    });

    it('does without them where they are damaged, or of another store, and says so', async () => {
      await (await start()).stop();
      const name = (await readdir(at('state'))).find((file) => file.endsWith('.keys')) ?? '';
      const text = await readFile(at('state', name), 'utf8');
      await rm(at('vendor.asc'));
      for (const broken of [text.slice(0, -20), text.replace(/"sha256":"../, '"sha256":"zz'), '']) {
        await writeFile(at('state', name), broken);
        const server = await start();
        await assertMissing(server, theirs);
        await assertServed(server, ours);
        assert.match(server.stderr(), /the keys that were good last cannot be read/);
        await server.stop();
      }
      await writeFile(at('state', name), text.replace(remote.path, '/srv/other.git'));
      const server = await start();
      await assertMissing(server, theirs);
    });
  });

  describe('with a policy or a list that changes', () => {
    it('takes the keys of no requirement for those of another, whatever their order', async () => {
      await ask(['team.asc'], ['vendor.asc']);
      const first = await startByPolicy();
      await writeFile(at('vendor.asc'), '');
      await ask(['vendor.asc'], ['team.asc']);
      first.signal('SIGHUP');
      await eventually(async () => assert.deepEqual(await codesOf(first), ['key-file-unusable']));
      await assertBoth(first);
      await assertBoth(await first.stop().then(startByPolicy));
    });

    it('lets no file that never was good keep a key that its own file has revoked', async () => {
      await copyFile(join(home, 'left.asc'), at('left.asc'));
      await ask(['left.asc', 'vendor.asc']);
      const first = await startByPolicy();
      await assertServed(first, left);
      await copyFile(join(home, 'gone.asc'), at('left.asc'));
      await ask(['left.asc', 'vendor.asc', 'new.asc']);
      first.signal('SIGHUP');
      await eventually(async () => assertMissing(first, left));
      const second = await first.stop().then(startByPolicy);
      assert.deepEqual(await codesOf(second), ['scope-not-judged']);
      await assertMissing(second, left);
      assert.equal((await nodesPolicyOf(second)).status, 404);
      await copyFile(at('team.asc'), at('new.asc'));
      second.signal('SIGHUP');
      await eventually(async () => assertServed(second, theirs));
      await assertMissing(second, left);
    });

    it('withdraws a key whose file has become the certificate that revokes it', async () => {
      await copyFile(join(home, 'left.asc'), at('left.asc'));
      await ask(['left.asc', 'team.asc']);
      const first = await startByPolicy();
      await assertServed(first, left);
      await copyFile(join(home, 'left.rev'), at('left.asc'));
      first.signal('SIGHUP');
      await eventually(async () => assertMissing(first, left));
      const { troubles } = await readStatus(first);
      assert.match(troubles[0]?.message ?? '', /left\.asc: .* as far as it does not revoke them$/);
      await writeFile(at('left.asc'), '');
      const second = await first.stop().then(startByPolicy);
      await assertMissing(second, left);
      await assertServed(second, ours);
    });

    it('drops no signer of which all must sign for a private key that never was public', async () => {
      const demand = async (...keys: readonly string[]): Promise<void> => {
        const scopes = { 'registry.example': { keys, require: 'all' } };
        await writeFile(at('lookaside.yaml'), stringify({ scopes }));
      };
      await demand('team.asc');
      const first = await start();
      await publisher.signer.exportSecret(at('more.asc'), vendor);
      await demand('team.asc', 'more.asc');
      const server = await first.stop().then(async () => start());
      assert.deepEqual(await codesOf(server), ['scope-not-judged']);
      assert.equal((await nodesPolicyOf(server)).status, 404);
      await assertMissing(server, ours);
    });
  });

  it('tells check nothing of that: it judges by what is there', async () => {
    await (await start()).stop();
    await rm(at('vendor.asc'));
    const { code } = await runInProcess(['check', remote.path, `--config=${at('lookaside.yaml')}`]);
    assert.equal(code, 1);
  });
});
