// `lookaside keys`: what it says of keys, what would be lost, and what it cannot answer.
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ProgramResult, runInProcess } from '../../kit/program/run-in-process.ts';
import { writeSignature } from '../../kit/signer/signature-tree.ts';
import { type Signer, type SigningKey, makeSigner } from '../../kit/signer/signer.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

const [ONE, TWO, THREE] = ['1', '2', '3'].map((digit) => `sha256:${digit.repeat(64)}`) as [
  string,
  string,
  string,
];

interface KeysJson {
  readonly keys: readonly {
    readonly fingerprint: string;
    readonly expires: string | null;
    readonly state: { readonly kind: string };
    readonly parts: readonly { readonly algorithm: string; readonly isSigner: boolean }[];
    readonly objections: readonly { readonly client: string; readonly source: string }[];
    readonly scopes: readonly string[];
    readonly signatures: number;
    readonly images: number;
    readonly soleImages: number;
  }[];
  readonly summary: { readonly images: number; readonly signatures: number };
  readonly forecast?: {
    readonly lostImages: number;
    readonly lostSignatures: number;
    readonly images: readonly {
      readonly image: string;
      readonly tag: string | null;
      readonly digest: string;
      readonly signers: readonly string[];
    }[];
  };
}

function lostOf({ forecast }: KeysJson): readonly string[] {
  return (forecast?.images ?? []).map(
    ({ image, tag }) => `${image.replace('r.example/', '')}:${tag}`,
  );
}

describeWith(['gpg', 'gpgv'], 'keys', () => {
  const directory = useTemporary('suite');
  let signer: Signer;
  /** Ends in 90 days; never; signs by a subkey that ends in 30 days. */
  let ending: SigningKey;
  let lasting: SigningKey;
  let split: SigningKey;
  let source: string;
  let config: string;
  const at = (...path: readonly string[]): string => join(directory(), ...path);

  before('sign', async () => {
    signer = await makeSigner();
    ending = await signer.makeKey({ algorithm: 'ed25519', expires: '90d', name: 'Ending' });
    lasting = await signer.makeKey({ algorithm: 'rsa2048', name: 'Lasting' });
    split = await signer.makeKey({ algorithm: 'ed25519', subkey: true, subkeyExpires: '30d' });
    await mkdir(at('keys'));
    const all = { ending, lasting, split };
    for (const [name, key] of Object.entries(all)) {
      await signer.exportKeys(at('keys', `${name}.asc`), key);
    }
    source = at('store');
    const put = async (
      repository: string,
      digest: string,
      ...signed: readonly (readonly [SigningKey, string, ...string[]])[]
    ): Promise<void> => {
      for (const [index, [key, tag, ...args]] of signed.entries()) {
        const dockerReference = `r.example/${repository}:${tag}`;
        const claims = { dockerReference, manifestDigest: digest };
        const bytes = await signer.sign(key, claims, { args });
        await writeSignature(source, { repository, digest, number: index + 1 }, bytes);
      }
    };
    await put('any/both', ONE, [ending, 'v1'], [lasting, 'v1']);
    await put('any/one', TWO, [ending, 'v1'], [lasting, 'v2']);
    await put('any/sub', THREE, [split, 'v1']);
    await put('any/brief', ONE, [lasting, 'v1', '--default-sig-expire', '10d']);
    await put('all/both', ONE, [ending, 'v1'], [lasting, 'v1']);
    await put('all/half', TWO, [lasting, 'v1']);
    config = at('lookaside.yaml');
    const keys = ['ending', 'lasting'].map((name) => `keys/${name}.asc`);
    await writeFile(
      config,
      JSON.stringify({
        scopes: { 'r.example/any': { keys: 'keys' }, 'r.example/all': { keys, require: 'all' } },
      }),
    );
  });
  after(async () => signer.stop());

  const ask = async (...args: readonly string[]): Promise<ProgramResult> =>
    runInProcess(['keys', source, '--config', config, ...args]);
  const askJson = async (code: number, ...args: readonly string[]): Promise<KeysJson> => {
    const result = await ask('--format=json', ...args);
    assert.equal(result.code, code, result.stderr);
    return JSON.parse(result.stdout.toString()) as KeysJson;
  };

  it('says of each key how long it is good, what it is, and what it covers', async () => {
    const { keys, summary, forecast } = await askJson(0);
    assert.equal(forecast, undefined);
    // That of all/half is good, and lacks another one.
    assert.deepEqual(summary, { images: 6, signatures: 9 });
    const found = new Map(keys.map((key) => [key.fingerprint, key]));
    const [one, other, third] = [ending, lasting, split].map((key) => found.get(key.fingerprint));
    assert.ok(one && other && third);
    assert.deepEqual([one.images, one.soleImages, one.signatures], [3, 2, 3]);
    assert.deepEqual([other.images, other.soleImages, other.signatures], [4, 3, 5]);
    assert.deepEqual([third.images, third.soleImages, third.signatures], [1, 1, 1]);
    assert.deepEqual(
      [one, other, third].map(({ state }) => state.kind),
      ['expires', 'good', 'expires'],
    );
    assert.deepEqual(other.scopes, ['r.example/any', 'r.example/all']);
    assert.deepEqual(
      third.parts.map(({ isSigner }) => isSigner),
      [false, true],
    );
    assert.deepEqual(
      one.objections.map(({ client }) => client),
      ['rhel-fips', 'gnupg-fips', 'go'],
    );
    assert.deepEqual(
      other.objections.map(({ client }) => client),
      ['rhel-future'],
    );
    assert.ok(other.objections.every((objection) => objection.source.length > 20));
  });

  it('says it to people', async () => {
    const { code, stdout } = await ask();
    assert.equal(code, 0);
    const said = stdout.toString();
    assert.match(
      said,
      new RegExp(
        `^${ending.fingerprint}  Ending <.*>\n  expires on 20.*Z, in (?:89|90) days$`,
        'm',
      ),
    );
    assert.match(said, /^ {2}primary key: RSA-2048, signs$/m);
    assert.match(
      said,
      new RegExp(`^  subkey ${split.signingFingerprint}: Ed25519, signs until 20`, 'm'),
    );
    assert.match(said, /^ {2}covers 3 images, 2 of them alone, by 3 signatures$/m);
    assert.match(
      said,
      /^ {2}the FUTURE crypto policy of RHEL takes RSA keys of at least 3072 bits$/m,
    );
    assert.match(said, /^accepted now: 6 images, 9 signatures\n$/m);
  });

  const times: readonly (readonly [string, readonly string[], number])[] = [
    ['5d', [], 0],
    ['20d', ['any/brief:v1'], 1],
    ['60d', ['any/brief:v1', 'any/sub:v1'], 2],
    ['100d', ['all/both:v1', 'any/brief:v1', 'any/one:v1', 'any/sub:v1'], 5],
  ];
  for (const [time, lost, signatures] of times) {
    it(`foresees what is refused in ${time}`, async () => {
      const report = await askJson(lost.length > 0 ? 1 : 0, '--at', time);
      assert.deepEqual(lostOf(report), lost);
      assert.equal(report.forecast?.lostImages, lost.length);
      assert.equal(report.forecast?.lostSignatures, signatures);
    });
  }

  it('foresees what is refused without a key, by its fingerprint, by that of a subkey, or by its file', async () => {
    const named = ['all/both:v1', 'any/one:v1'];
    const { fingerprint } = ending;
    const groups = fingerprint.match(/.{4}/g) ?? [];
    for (const key of [
      fingerprint,
      fingerprint.toLowerCase(),
      groups.join(' '),
      at('keys', 'ending.asc'),
    ]) {
      const report = await askJson(1, '--without', key);
      assert.deepEqual(lostOf(report), named);
      assert.deepEqual(report.forecast?.images[0]?.signers, [fingerprint]);
    }
    assert.deepEqual(lostOf(await askJson(1, '--without', split.signingFingerprint)), [
      'any/sub:v1',
    ]);
    const both = await askJson(1, '--without', ending.fingerprint, '--without', split.fingerprint);
    assert.deepEqual(lostOf(both), [...named, 'any/sub:v1']);
  });

  it('foresees what is left by then without a key', async () => {
    const report = await askJson(1, '--at', '20d', '--without', lasting.fingerprint);
    assert.deepEqual(lostOf(report), ['all/both:v1', 'any/brief:v1', 'any/one:v2']);
  });

  it('lists the images as sign takes them', async () => {
    const { code, stdout } = await ask('--without', ending.fingerprint, '--list');
    assert.equal(code, 1);
    assert.equal(stdout.toString(), `r.example/all/both:v1@${ONE}\nr.example/any/one:v1@${TWO}\n`);
  });

  it('goes by the policy of a node', async () => {
    const signedBy = { type: 'signedBy', keyType: 'GPGKeys', keyPath: at('keys', 'lasting.asc') };
    const docker = { 'r.example/any': [signedBy] };
    const policy = { default: [{ type: 'insecureAcceptAnything' }], transports: { docker } };
    await writeFile(at('policy.json'), JSON.stringify(policy));
    const words = ['keys', source, '--policy', at('policy.json'), '--at', '5d'];
    const { code, stdout } = await runInProcess(words);
    assert.equal(code, 0);
    assert.match(
      stdout.toString(),
      /^accepted now: 3 images, 3 signatures; at .*Z, 0 images would be refused, and 0 signatures would count no more$/m,
    );
  });

  it('takes a key that must sign too for one that all images lack, until it has signed', async () => {
    const place = at('pair');
    const sign = async (key: SigningKey, number: number): Promise<void> => {
      const claims = { dockerReference: 'r.example/pair/app:v1', manifestDigest: ONE };
      const bytes = await signer.sign(key, claims);
      await writeSignature(place, { repository: 'pair/app', digest: ONE, number }, bytes);
    };
    const accepted = async (...names: readonly string[]): Promise<number> => {
      const keys = names.map((name) => `keys/${name}.asc`);
      const scopes = { 'r.example/pair': { keys, require: 'all' } };
      await writeFile(at('pair.yaml'), JSON.stringify({ scopes }));
      const words = ['keys', place, '--config', at('pair.yaml'), '--format=json'];
      const { stdout } = await runInProcess(words);
      return (JSON.parse(stdout.toString()) as KeysJson).summary.images;
    };
    await sign(ending, 1);
    await sign(split, 2);
    assert.equal(await accepted('ending', 'split'), 1);
    assert.equal(await accepted('ending', 'split', 'lasting'), 0);
    await sign(lasting, 3);
    assert.equal(await accepted('ending', 'split', 'lasting'), 1);
    assert.equal(await accepted('split', 'lasting'), 1);
  });

  it('says where it does not know all', async () => {
    const broken = at('broken.yaml');
    const text = await readFile(config, 'utf8');
    await writeFile(broken, text.replace('"keys"},', '"missing.asc"},'));
    const { code, stdout, stderr } = await runInProcess(['keys', source, '--config', broken]);
    assert.equal(code, 2);
    assert.match(stderr, /^lookaside: .*"r\.example\/any" cannot be judged: .*missing\.asc/m);
    assert.match(stdout.toString(), /^accepted now: 1 image, /m);
  });

  const faults: Readonly<Record<string, readonly [readonly string[], RegExp]>> = {
    'a time that has passed': [['--at', '2020-01-01'], /--at: expected a time to come.*\nhint: /],
    'a day that there is not': [['--at', '2027-02-30'], /--at: expected a date like/],
    'a key that nobody accepts': [
      ['--without', 'AB'.repeat(20)],
      /--without: the key (?:AB){20} is none of those that signatures are verified with\nhint: /,
    ],
    'a key by its ID or mail address': [
      ['--without', 'signer@example.com'],
      /--without: expected a fingerprint or a file of keys, got "signer@.*\nhint: give all 40 digits/,
    ],
    'a file that is not there': [
      ['--without', '/none.asc'],
      /--without: cannot read keys.*none\.asc/,
    ],
    'a list of nothing': [['--list'], /--list prints what would be refused.*\nhint: give --at/],
    'two forms at once': [
      ['--at', '1d', '--list', '--format', 'json'],
      /--list prints a line for each image.*\nhint: leave one of them out/,
    ],
    'another format': [['--format', 'sarif'], /keys does not support the format sarif/],
  };
  for (const [what, [args, message]] of Object.entries(faults)) {
    it(`refuses ${what}`, async () => {
      const { code, stderr } = await ask(...args);
      assert.equal(code, 2);
      assert.match(stderr, message);
    });
  }

  it('needs keys', async () => {
    const { code, stderr } = await runInProcess(['keys', source]);
    assert.equal(code, 2);
    assert.match(
      stderr,
      /^lookaside: keys needs the keys .*\nhint: give --keys, --policy, or scopes/,
    );
  });
});
