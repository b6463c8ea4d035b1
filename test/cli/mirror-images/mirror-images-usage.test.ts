// What `lookaside mirror-images` says of wrong use, before any registry or repository is asked.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { type Signer, makeSigner } from '../../kit/signer/signer.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

const FROM = 'quay.example/vendor/app';
const TO = 'registry.example/mirror/app';
const ENTRY = { from: FROM, to: TO };

describeWith(['gpg'], 'the command line of mirror-images', () => {
  const directory = useTemporary();
  let signer: Signer;
  let keyFile: string;
  before(async () => {
    signer = await makeSigner();
    const key = await signer.makeKey({ algorithm: 'ed25519' });
    keyFile = await signer.exportKeys(join(signer.home, 'vendor.asc'), key);
  });
  after(() => signer.stop());

  /** Options that are complete, but for those that are left out, and with others. */
  function complete(
    without: readonly string[] = [],
    more: readonly string[] = [],
  ): readonly string[] {
    const options = {
      '--images-from': FROM,
      '--images-to': TO,
      '--keys': keyFile,
      '--sign-by': 'nobody@example.com',
      '--to': join(directory(), 'signatures.git'),
    };
    const kept = Object.entries(options).filter(([name]) => !without.includes(name));
    return [...kept.flat(), ...more];
  }

  async function assertRefused(args: readonly string[], said: RegExp): Promise<void> {
    const env = { GNUPGHOME: signer.home };
    const { code, stdout, stderr } = await runLookaside(['mirror-images', ...args], { env });
    assert.deepEqual([code, stdout], [2, ''], stderr);
    assert.match(stderr, said);
  }

  const writeJson = async (name: string, content: object): Promise<string> => {
    const file = join(directory(), name);
    await writeFile(file, JSON.stringify(content));
    return file;
  };

  it('names what lacks, and the cure', async () => {
    const lacks: readonly (readonly [readonly string[], RegExp])[] = [
      [['--to'], /mirror-images needs --to\nhint: name the signature repository/],
      [['--sign-by'], /mirror-images needs a key to sign with\nhint: give --sign-by KEY/],
      [['--images-from'], /mirror-images needs --images-from\nhint: for example .*mirrored-images/],
      [['--images-to'], /mirror-images needs --images-to\nhint: for example /],
      [
        ['--keys'],
        /--images-from: nothing says who signs the images of quay\.example\/vendor\/app upstream\nhint: give the public keys with --keys, or a policy\.json with --policy/,
      ],
    ];
    for (const [without, said] of lacks) await assertRefused(complete(without), said);
  });

  it('refuses what excludes something else, or cannot be used', async () => {
    const policy = await writeJson('policy.json', { default: [{ type: 'reject' }] });
    const open = await writeJson('open.json', {
      default: [{ type: 'reject' }],
      transports: { docker: { 'quay.example/vendor': [{ type: 'insecureAcceptAnything' }] } },
    });
    const broken = await writeJson('broken.json', { default: [] });
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [complete([], ['--policy', policy]), /keys and policy both say which images are taken/],
      [
        complete([], ['--insecure-accept-anything']),
        /keys and insecureAcceptAnything both say which images are taken\nhint: leave one/,
      ],
      [
        complete(['--keys'], ['--policy', open]),
        /open\.json takes any image of quay\.example\/vendor\/app, signed or not\nhint: .*--insecure-accept-anything/,
      ],
      [complete(['--keys'], ['--policy', broken]), /broken\.json: default: expected at least one/],
      [
        complete(['--images-to'], ['--images-to', FROM]),
        /--images-to: expected another repository than quay\.example\/vendor\/app/,
      ],
      [
        complete([], ['--server', 'signatures.example.com']),
        /expected the address of a signature store, got "signatures\.example\.com"\nhint: write it/,
      ],
      [
        complete([], ['--format', 'sarif']),
        /does not support the format sarif\nhint: use --format text/,
      ],
    ];
    for (const [args, said] of cases) await assertRefused(args, said);
  });

  it('names the place in a file, the rule and the cure', async () => {
    const both = ['--images-from', '--images-to', '--keys'];
    const cases: readonly (readonly [object, RegExp])[] = [
      [
        { 'mirrored-images': [{ ...ENTRY, tag: 'v1' }] },
        /mirror\.json: mirrored-images: 0: unknown key tag\nhint: did you mean tags\?/,
      ],
      [
        { 'mirrored-images': [{ ...ENTRY, from: 'vendor/app' }] },
        /mirrored-images: 0: from: expected HOST\/REPOSITORY without a tag, .*, got "vendor\/app"/,
      ],
      [
        { 'mirrored-images': [ENTRY] },
        /mirror\.json: mirrored-images: 0: nothing says who signs the images of/,
      ],
      [
        { 'mirrored-images': [{ ...ENTRY, keys: keyFile, policy: 'x.json' }] },
        /mirrored-images: 0: keys and policy both say which images are taken/,
      ],
      [
        {
          'mirrored-images': [
            { ...ENTRY, policy: 'x.json', signedIdentity: { type: 'matchRepository' } },
          ],
        },
        /mirrored-images: 0: signedIdentity is for keys.*\nhint: write it into \S+\/x\.json/,
      ],
      [
        { 'mirrored-images': [{ ...ENTRY, keys: 'lost.asc' }] },
        /mirrored-images: 0: .*\/lost\.asc/,
      ],
      [
        { 'images-from': FROM, 'mirrored-images': [{ ...ENTRY, keys: keyFile }] },
        /--images-from and mirrored-images both say what is mirrored\nhint: leave one/,
      ],
    ];
    for (const [content, said] of cases) {
      const file = await writeJson('mirror.json', content);
      await assertRefused(complete(both, ['--config', file]), said);
    }
  });
});
