// What `lookaside promote` says of wrong use, before any registry or repository is asked.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { type Signer, type SigningKey, makeSigner } from '../../kit/signer/signer.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

const IMAGE = 'dev.example/team/app:1.0';
const NOBODY = 'A'.repeat(40);

describeWith(['gpg', 'git'], 'the command line of promote', () => {
  const directory = useTemporary();
  let signer: Signer;
  let key: SigningKey;
  let other: SigningKey;
  before(async () => {
    signer = await makeSigner();
    key = await signer.makeKey({ algorithm: 'ed25519' });
    other = await signer.makeKey({ algorithm: 'ed25519' });
  });
  after(() => signer.stop());

  const exportKey = async (one: SigningKey): Promise<string> =>
    signer.exportKeys(join(directory(), `${one.fingerprint}.asc`), one);

  /** Arguments that are complete, but for those that are left out, and with others. */
  async function complete(
    without: readonly string[] = [],
    more: readonly string[] = [],
    names: readonly string[] = [IMAGE],
  ): Promise<readonly string[]> {
    const options = {
      '--from': directory(),
      '--keys': await exportKey(key),
      '--require': key.fingerprint,
      '--map': 'dev.example=example.com',
      '--sign-by': key.fingerprint,
      '--to': join(directory(), 'next.git'),
    };
    const kept = Object.entries(options).filter(([name]) => !without.includes(name));
    return [...names, ...kept.flat(), ...more];
  }

  async function assertRefused(args: readonly string[], said: RegExp): Promise<void> {
    const env = { GNUPGHOME: signer.home };
    const { code, stdout, stderr } = await runLookaside(['promote', ...args], { env });
    assert.deepEqual([code, stdout], [2, ''], stderr);
    assert.match(stderr, said);
  }

  it('names what lacks, and the cure', async () => {
    const lacks: readonly (readonly [readonly string[], RegExp])[] = [
      [['--from'], /promote needs the stage .*\nhint: give --from SOURCE, .* or --server URL/],
      [['--keys', '--require'], /promote needs the keys of the stage: .*\nhint: .*--keys/],
      [['--require'], /promote needs to know who must have signed\nhint: give --require SIGNER/],
      [['--map'], /promote needs --map: .*\nhint: for example --map /],
      [['--sign-by'], /promote needs a key to sign with\nhint: give --sign-by KEY/],
      [['--to'], /promote needs --to\nhint: name the signature repository of the next stage/],
    ];
    for (const [without, said] of lacks) await assertRefused(await complete(without), said);
    await assertRefused(await complete([], [], []), /promote needs an image\nhint: .*--list/);
  });

  it('refuses what excludes something else, or has no effect', async () => {
    const url = 'http://127.0.0.1:1';
    const pattern = ['dev.example/team/*'];
    const all: readonly (readonly [readonly string[], RegExp])[] = [
      [await complete([], ['--server', url]), /--from and --server both say where images come/],
      [
        await complete(['--from'], ['--server', 'x']),
        /--server: expected the http.* got "x"\nhint/,
      ],
      [
        await complete(['--from'], ['--server', `${url}?a`]),
        /--server: expected the http.*\nhint: give --server/,
      ],
      [
        await complete(['--from'], ['--server', url], pattern),
        /a store does not say which images are signed there\nhint: name the images, or .*--from/,
      ],
      [await complete([], ['--list', '--copy']), /--list and --copy exclude each other/],
      [await complete([], ['--list', '--dry-run']), /--list and --dry-run exclude each other/],
      [await complete([], ['--format', 'sarif']), /promote does not support the format sarif/],
      [await complete([], ['--map', 'dev.example']), /--map: expected FROM=TO/],
      [
        await complete([], ['--map', 'dev.example=b.example']),
        /--map: expected each FROM once, got "dev.example=b.example" beside dev.example=example.com/,
      ],
      [await complete([], [], ['Team/App']), /expected an image, got "Team\/App"\nhint: write it/],
      [await complete([], [], [`${IMAGE}@sha512:${'a'.repeat(128)}`]), /expected a sha256 digest/],
    ];
    for (const [args, said] of all) await assertRefused(args, said);
  });

  it('refuses names that --map does not cover, or makes no name of', async () => {
    await assertRefused(
      await complete([], [], ['other.example/app:1']),
      /no --map says how other.example\/app is called in the next stage\nhint: give --map other/,
    );
    await assertRefused(
      await complete(['--map'], ['--map', 'dev.example/team/app=example.com']),
      /no --map says how dev.example\/team\/app is called/,
    );
  });

  it('refuses signers whom nobody could verify', async () => {
    const strange = await exportKey(other);
    const missing = join(directory(), 'none.asc');
    const all: readonly (readonly [string, RegExp])[] = [
      [
        NOBODY,
        /--require: the key A{40} is not among those .*\nhint: give its public key with --keys/,
      ],
      [strange, new RegExp(`--require: the key ${other.fingerprint} is not among those`)],
      [missing, /--require: cannot read keys: ENOENT.*\nhint: name a file of public keys/],
      [
        'scope:a.example',
        /--require: the scope "a.example" is not in the configuration\nhint: name the file .*--config/,
      ],
    ];
    for (const [signer_, said] of all) {
      await assertRefused(await complete(['--require'], ['--require', signer_]), said);
    }
  });

  it('demands no key that is revoked by the file of --require, whatever --keys has of it', async () => {
    const gone = await signer.makeKey({ algorithm: 'ed25519' });
    const [old, revoked] = [join(directory(), 'old.asc'), join(directory(), 'revoked.asc')];
    await signer.exportKeys(old, gone);
    await signer.revoke(gone);
    await signer.exportKeys(revoked, gone);
    await assertRefused(
      await complete(['--keys', '--require'], ['--keys', old, '--require', revoked]),
      /--require: .*revoked\.asc: the key .* is revoked: nodes refuse what it signed\nhint: /,
    );
  });

  it('takes scopes of the configuration, and names those that there are', async () => {
    const file = join(directory(), 'stage.yaml');
    const scopes = { 'dev.example': { keys: [await exportKey(key)] } };
    await writeFile(file, JSON.stringify({ scopes }));
    const config = ['--config', file];
    await assertRefused(
      await complete(['--keys', '--require'], [...config, '--require', 'scope:b.example']),
      /the scope "b.example" is not in the configuration\nhint: there is scope:dev.example\n/,
    );
    // This one is known, so that the next thing lacks.
    await assertRefused(
      await complete(['--keys', '--require'], [...config, '--require', 'scope:dev.example']),
      /next\.git/,
    );
  });

  it('refuses a file of images that cannot be read, or names none', async () => {
    const file = join(directory(), 'images');
    await assertRefused(
      await complete([], ['--images', file], []),
      /--images: ENOENT.*\nhint: name a file with an image on each line/,
    );
    await writeFile(file, '# nothing\n\n');
    await assertRefused(
      await complete([], ['--images', file], []),
      /--images: .*images names none/,
    );
    await writeFile(file, `${IMAGE} # the first\nother.example/app:1\n`);
    await assertRefused(
      await complete([], ['--images', file], []),
      /no --map says how other.example/,
    );
  });

  it('sends the token of --to to --from at the same host only', async () => {
    const seen = new Set<string>();
    const server = createServer(({ headers: { host, authorization } }, response) => {
      if (authorization !== undefined) seen.add(`${host} ${authorization}`);
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const token = join(directory(), 'token');
    await writeFile(token, 'secret\n');
    const list = async (to: string): Promise<void> => {
      const places = ['--from', `http://127.0.0.1:${port}/dev.git`, '--to', to];
      const flags = ['--list', '--git-token-file', token, ...places];
      await assertRefused(await complete(['--from', '--to'], flags, []), /git ls-remote failed/);
    };
    try {
      await list(`http://localhost:${port}/next.git`);
      assert.deepEqual([...seen], []);
      await list(`http://127.0.0.1:${port}/next.git`);
      const [first = '', ...others] = seen;
      assert.deepEqual(others, []);
      const [, encoded = ''] = /^127\.0\.0\.1:\d+ Basic (\S+)$/.exec(first) ?? [];
      assert.match(Buffer.from(encoded, 'base64').toString(), /:secret$/);
    } finally {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    }
  });

  it('refuses keys of the stage that cannot be used', async () => {
    const file = join(directory(), 'broken.asc');
    await writeFile(file, 'no key\n');
    await assertRefused(await complete(['--keys'], ['--keys', file]), /broken\.asc/);
  });
});
