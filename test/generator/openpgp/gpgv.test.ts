import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { MAX_BLOB_BYTES } from '../../../generator/openpgp/signature-file.ts';
import {
  type Gpgv,
  type GpgvOptions,
  type GpgvResult,
  openGpgv,
} from '../../../generator/openpgp/gpgv.ts';
import { type RejectionCode, isRejection } from '../../../generator/terms/rejection.ts';
import { SLOW } from '../../kit/signer/slow-message.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { formatPackets } from '../../fuzz/packet.ts';
import { describeWith } from '../../with-tools.ts';
import { keyringOf, readVector, rejectionOf } from '../../kit/samples/samples.ts';

const path = process.env['PATH'];
const NO_KEYS = new Uint8Array();

function literal(content: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from('b\0\0\0\0\0'), content]);
  return formatPackets([{ tag: 11, framing: 'new-5', body }]);
}

const zipped = (bytes: Uint8Array) =>
  Buffer.concat([Buffer.from([0xa3, 1]), deflateRawSync(bytes)]);

const status = (...lines: readonly string[]) =>
  lines.map((line) => `echo '[GNUPG:] ${line}' >&3`).join('\n');
const GOOD = status('NEWSIG', 'GOODSIG 0 x', 'VALIDSIG AB 2024-01-15 1 0 4 0 1 10 00 CD');

describeWith(['gpgv'], 'generator: gpgv', () => {
  const directory = useTemporary('suite');
  let gpgv: Gpgv;
  let keys: Uint8Array;
  before(async () => {
    gpgv = (await openGpgv({ path, directory: directory() })) ?? assert.fail('no gpgv');
    keys = (await keyringOf('lab/keys/lab.gpg', 'lab/keys/two.gpg')).packets;
  });
  after(async () => gpgv.close());

  for (const name of [
    'good-uncompressed',
    'good-compressed-zip',
    'digest-sha1',
    'future-signature',
    'oldstyle-signature-then-literal',
    'armored',
  ]) {
    it(`gives the signer and the payload of a good message: ${name}`, async () => {
      const message = await readVector(`lab/openpgp/${name}.sig`);
      const { verdict, untrustedPayload } = await gpgv.verify(message, keys);
      assert(!isRejection(verdict), isRejection(verdict) ? verdict.message : '');
      assert.equal(verdict.fingerprint, '5C99A3D253526B7DBE7E783BA24CAB9579EABB73');
      assert.equal(verdict.primaryFingerprint, verdict.fingerprint);
      assert.equal(verdict.version, 4);
      const { critical } = JSON.parse(Buffer.from(untrustedPayload).toString());
      assert.equal(critical.type, 'atomic container signature');
    });
  }

  it('verifies a cleartext message', async () => {
    const message = await readVector('lab/openpgp/cleartext.sig');
    assert(!isRejection((await gpgv.verify(message, keys)).verdict));
  });

  it('knows no key of an empty keyring', async () => {
    const message = await readVector('lab/openpgp/good-uncompressed.sig');
    const { verdict, untrustedPayload } = await gpgv.verify(message, NO_KEYS);
    assert.equal(rejectionOf(verdict).code, 'unknown-signer');
    assert.match(Buffer.from(untrustedPayload).toString(), /^\{"critical"/);
  });

  const rows: readonly (readonly [string, RejectionCode])[] = [
    ['lab/openpgp/wrong-key.sig', 'unknown-signer'],
    ['lab/openpgp/expired-signature.sig', 'signature-expired'],
    ['lab/openpgp/two-signatures-both-known.sig', 'multiple-signatures'],
    ['lab/openpgp/two-signatures-one-known.sig', 'multiple-signatures'],
    ['lab/openpgp/trailing-message-uncompressed.sig', 'malformed'],
    ['lab/openpgp/literal-only.sig', 'malformed'],
    ['lab/openpgp/truncated.sig', 'malformed'],
    ['containers-image/unsigned-encrypted.signature', 'malformed'],
    ['lab/blob/html.sig', 'malformed'],
    ['lab/blob/empty.sig', 'malformed'],
  ];
  for (const [file, code] of rows) {
    it(`refuses ${file}: ${code}`, async () => {
      const { verdict } = await gpgv.verify(await readVector(file), keys);
      assert.equal(rejectionOf(verdict).code, code);
    });
  }

  it('refuses a payload that was changed', async () => {
    const good = await readVector('lab/openpgp/good-uncompressed.sig');
    const changed = Buffer.from(good.toString('latin1').replace('repo:tag', 'repo:tab'), 'latin1');
    const { verdict } = await gpgv.verify(changed, keys);
    assert.equal(rejectionOf(verdict).code, 'bad-signature');
  });

  for (const [title, size] of [
    ['one byte more than the most', MAX_BLOB_BYTES + 1],
    ['a bomb', 256 * 1024 * 1024],
  ] as const) {
    it(`is stopped at ${title}, whatever it inflates to`, async () => {
      const { verdict, untrustedPayload } = await gpgv.verify(
        zipped(literal(Buffer.alloc(size))),
        keys,
      );
      assert.equal(rejectionOf(verdict).code, 'malformed');
      assert.match(rejectionOf(verdict).message, /expands to more than 4194304 bytes/);
      assert(untrustedPayload.length <= MAX_BLOB_BYTES);
    });
  }

  it('takes all of what is not too much', async () => {
    const message = zipped(literal(Buffer.alloc(MAX_BLOB_BYTES, 'x')));
    const { verdict, untrustedPayload } = await gpgv.verify(message, keys);
    assert.doesNotMatch(rejectionOf(verdict).message, /expands/);
    assert.equal(untrustedPayload.length, MAX_BLOB_BYTES);
  });

  it('answers many at once', async () => {
    const messages = ['good-uncompressed', 'wrong-key'].map(async (name) =>
      readVector(`lab/openpgp/${name}.sig`),
    );
    const [good = NO_KEYS, bad = NO_KEYS] = await Promise.all(messages);
    const results = await Promise.all(
      Array.from({ length: 40 }, async (_, index) => gpgv.verify(index % 2 ? bad : good, keys)),
    );
    for (const [index, { verdict }] of results.entries()) {
      assert.equal(isRejection(verdict), index % 2 === 1);
    }
  });

  describe('in its directory', () => {
    const own = useTemporary();
    it('keeps one file a keyring, which others cannot read, until it is closed', async () => {
      const other = (await openGpgv({ path, directory: own() })) ?? assert.fail();
      const message = await readVector('lab/openpgp/good-uncompressed.sig');
      for (const packets of [keys, keys, NO_KEYS]) await other.verify(message, packets);
      const [home = '', ...more] = await readdir(own());
      assert.deepEqual(more, []);
      assert.equal((await stat(join(own(), home))).mode & 0o777, 0o700);
      const files = (await readdir(join(own(), home))).filter((file) => file.endsWith('.gpg'));
      assert.equal(files.length, 2);
      for (const file of files) {
        assert.equal((await stat(join(own(), home, file))).mode & 0o777, 0o600);
      }
      const written = await Promise.all(
        files.map(async (file) => readFile(join(own(), home, file))),
      );
      assert.deepEqual(written.map(String).toSorted(), ['', Buffer.from(keys).toString()]);
      await other.close();
      assert.deepEqual(await readdir(own()), []);
    });
  });
});

type Limits = Pick<GpgvOptions, 'timeLimit' | 'deadline'>;

describe('generator: gpgv', () => {
  const directory = useTemporary();
  it('that gets a kilobyte which takes seconds gives up, and says nothing of the file', async () => {
    const limits = { path, directory: directory(), timeLimit: 1000 };
    const gpgv = (await openGpgv(limits)) ?? assert.fail('no gpgv');
    const { verdict } = await gpgv.verify(SLOW, NO_KEYS);
    assert.equal(rejectionOf(verdict).code, 'cannot-verify');
    assert.match(rejectionOf(verdict).message, /took more than 1 s of processor time/);
    await gpgv.close();
  });
});

describe('generator: a gpgv that', () => {
  const directory = useTemporary();
  /** A program in its place, first on the path. */
  async function place(text: string, limits: Limits = {}): Promise<Gpgv | undefined> {
    await mkdir(join(directory(), 'bin'), { recursive: true });
    await writeFile(join(directory(), 'bin/gpgv'), text);
    await chmod(join(directory(), 'bin/gpgv'), 0o755);
    return openGpgv({ path: `${directory()}/bin:${path}`, directory: directory(), ...limits });
  }
  /** One that is taken. */
  async function fake(
    script: string,
    version = '2.2.40',
    limits: Limits = {},
  ): Promise<Gpgv | undefined> {
    const answer = `case "$1" in --version) echo 'gpgv (GnuPG) ${version}'; exit;; esac`;
    return place(`#!/bin/sh\n${answer}\n${script}\n`, limits);
  }
  async function verify(
    script: string,
    message = Buffer.from('message'),
    limits: Limits = {},
  ): Promise<GpgvResult> {
    const gpgv = (await fake(script, undefined, limits)) ?? assert.fail('it was not taken');
    return gpgv.verify(message, NO_KEYS);
  }

  it('is not there is none', async () => {
    assert.equal(await openGpgv({ path: directory(), directory: directory() }), undefined);
    assert.deepEqual(await readdir(directory()), []);
  });

  for (const [version, isTaken] of [
    ['2.0.31', false],
    ['2.1.15', false],
    ['2.1.16', true],
    ['2.4.5', true],
    ['2.4.5-unknown', true],
    ['10.0.0', true],
    ['1.4.23', false],
    ['', false],
  ] as const) {
    it(`says that it is ${version || 'nothing'} is ${isTaken ? 'taken' : 'too old'}`, async () => {
      const gpgv = await fake(GOOD, version);
      assert.equal(gpgv !== undefined, isTaken);
    });
  }

  it('fails when asked for its version is none', async () => {
    assert.equal(await place('#!/bin/sh\nexit 1\n'), undefined);
  });

  it('says what GnuPG says is believed', async () => {
    const { verdict, untrustedPayload } = await verify(`cat\n${GOOD}`);
    assert(!isRejection(verdict));
    assert.deepEqual([verdict.fingerprint, verdict.primaryFingerprint], ['AB', 'CD']);
    assert.equal(Buffer.from(untrustedPayload).toString(), 'message');
  });

  it('gets no environment but the path', async () => {
    const { untrustedPayload } = await verify('env');
    const names = Buffer.from(untrustedPayload)
      .toString()
      .match(/^[A-Z_]+(?==)/gm);
    const ofShell = new Set(['PWD', 'OLDPWD', 'SHLVL', '_']);
    assert.deepEqual(names?.filter((name) => !ofShell.has(name)).toSorted(), ['LC_ALL', 'PATH']);
  });

  it('takes more processor time than it may is ended, and has given no verdict', async () => {
    const { verdict } = await verify('while :; do :; done', undefined, { timeLimit: 1000 });
    assert.equal(rejectionOf(verdict).code, 'cannot-verify');
    assert.match(rejectionOf(verdict).message, /took more than 1 s of processor time/);
  });

  it('waits for a processor longer than that is waited for', async () => {
    const { verdict } = await verify(`sleep 2\n${GOOD}`, undefined, { timeLimit: 1000 });
    assert(!isRejection(verdict));
  });

  it('takes too much memory has given no verdict', async () => {
    const { verdict } = await verify("echo 'gpgv: fatal: out of core' >&2; exit 2");
    assert.equal(rejectionOf(verdict).code, 'cannot-verify');
    assert.match(rejectionOf(verdict).message, /too much memory/);
  });

  it('hangs is killed', async () => {
    const gpgv =
      (await fake(`echo >> ${directory()}/runs; exec sleep 60`, undefined, { deadline: 1000 })) ??
      assert.fail();
    const message = Buffer.from('message');
    for (let times = 0; times < 3; times++) {
      const { verdict } = await gpgv.verify(message, NO_KEYS);
      assert.equal(rejectionOf(verdict).code, 'cannot-verify');
      assert.match(
        rejectionOf(verdict).message,
        times === 0 ? /had not ended after 1 s/ : /stopped at the same message before/,
      );
    }
    // The same message is not tried again.
    assert.equal(await readFile(join(directory(), 'runs'), 'utf8'), '\n');
  });

  it('is at work when it is closed is ended, and what waits is not begun', async () => {
    const gpgv = (await fake('exec sleep 60')) ?? assert.fail();
    const waiting = Array.from({ length: 8 }, async (_, index) =>
      assert.rejects(gpgv.verify(Buffer.from(`${index}`), NO_KEYS), /gpgv is stopped/),
    );
    await gpgv.close();
    await Promise.all(waiting);
    await assert.rejects(gpgv.verify(Buffer.from('x'), NO_KEYS), /gpgv is stopped/);
  });

  it('has lost its keys says so, and has them again the next time', async () => {
    const own = join(directory(), 'own');
    await mkdir(own);
    const gpgv = (await openGpgv({ path, directory: own })) ?? assert.fail();
    const keys = (await keyringOf('lab/keys/lab.gpg')).packets;
    const message = await readVector('lab/openpgp/digest-sha1.sig');
    assert(!isRejection((await gpgv.verify(message, keys)).verdict));
    for (const home of await readdir(own)) await rm(join(own, home), { recursive: true });
    await assert.rejects(gpgv.verify(message, keys), /cannot read its keys/);
    assert(!isRejection((await gpgv.verify(message, keys)).verdict));
    await gpgv.close();
  });

  it('cannot write its keys says so, and tries again the next time', async () => {
    const own = join(directory(), 'own');
    await mkdir(own);
    const gpgv = (await openGpgv({ path, directory: own })) ?? assert.fail();
    const keys = (await keyringOf('lab/keys/lab.gpg')).packets;
    const message = await readVector('lab/openpgp/digest-sha1.sig');
    await rm(own, { recursive: true });
    await writeFile(own, '');
    await assert.rejects(gpgv.verify(message, keys), /ENOTDIR|EEXIST/);
    await rm(own);
    assert(!isRejection((await gpgv.verify(message, keys)).verdict));
    await gpgv.close();
  });

  it('hangs when asked for its version is given up', async () => {
    assert.equal(await place('#!/bin/sh\nexec sleep 60\n'), undefined);
  });

  it('writes status lines without end is killed', async () => {
    const { verdict } = await verify("exec yes '[GNUPG:] NEWSIG' >&3");
    assert.equal(rejectionOf(verdict).code, 'malformed');
    assert.match(rejectionOf(verdict).message, /far too many/);
  });

  it('writes a payload without end is killed', async () => {
    const { verdict, untrustedPayload } = await verify('exec yes');
    assert.match(rejectionOf(verdict).message, /expands to more than/);
    assert(untrustedPayload.length <= MAX_BLOB_BYTES);
  });

  it('crashes, whatever it said before, is not believed', async () => {
    const { verdict } = await verify(`${GOOD}\nkill -SEGV $$`);
    assert.equal(rejectionOf(verdict).code, 'cannot-verify');
    assert.match(rejectionOf(verdict).message, /crashed \(SIGSEGV\)/);
  });

  for (const signal of ['TERM', 'KILL']) {
    it(`is ended by ${signal} from outside is a broken world, not a bad message`, async () => {
      await assert.rejects(verify(`${GOOD}\nkill -${signal} $$`), /gpgv was ended by SIG/);
    });
  }

  it('closes its input early is no crash', async () => {
    const { verdict } = await verify(`exec 0<&-\n${GOOD}`, Buffer.alloc(MAX_BLOB_BYTES));
    assert(!isRejection(verdict));
  });

  it('says nothing has found no signature', async () => {
    assert.equal(rejectionOf((await verify('exit 2')).verdict).code, 'not-signed');
  });

  it('has gone since is a broken world', async () => {
    await fake(GOOD);
    const only = { path: join(directory(), 'bin'), directory: directory() };
    const gpgv = (await openGpgv(only)) ?? assert.fail();
    await rm(join(directory(), 'bin/gpgv'));
    await assert.rejects(
      gpgv.verify(Buffer.from('x'), NO_KEYS),
      /^ProcessStartError: cannot start gpgv: there is no such program/,
    );
  });
});
