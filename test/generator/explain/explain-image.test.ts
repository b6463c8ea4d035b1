import assert from 'node:assert/strict';
import type { CheckedFile } from '../../../generator/gate/checked-file.ts';
import { changeOf } from './change-of.ts';
import { explainImage } from '../../../generator/explain/explain-image.ts';
import { parsePulledImage } from '../../../generator/terms/image-name.ts';
import type { Keyring } from '../../../generator/openpgp/keyring.ts';
import {
  formatDirectory,
  formatLocation,
  parseLocation,
} from '../../../generator/terms/location.ts';
import {
  type Policy,
  type Requirement,
  createPolicy,
  createScope,
  createSimplePolicy,
  keepIn,
} from '../../../generator/policy/policy.ts';
import { DEFAULT_IDENTITY } from '../../../generator/policy/signed-identity.ts';
import { reject } from '../../../generator/terms/rejection.ts';
import type { HistoryCommit } from '../../../generator/sources/source.ts';
import { HEX, entryOf, keyringOf, publishable } from '../../kit/samples/samples.ts';
import { sightOf, storeOf } from '../../kit/samples/store-of.ts';

const OTHER_HEX = 'cd'.repeat(32);
const NAME = 'quay.io/team/app';
const REJECT: Requirement = { type: 'unmeetable', what: 'rejects every image' };
const ANYTHING: Requirement = { type: 'insecureAcceptAnything' };
const SIGSTORE: Requirement = { type: 'elsewhere', what: 'asks for a sigstore signature' };

const at = (repository: string, number = 1, hex = HEX) =>
  formatLocation(formatDirectory(repository, hex), number);
const by = (keyring: Keyring): Requirement => ({
  type: 'signedBy',
  keyring,
  signedIdentity: DEFAULT_IDENTITY,
});

function commitOf(subject: string): HistoryCommit {
  const author = { name: 'Ann', email: 'ann@example.test' };
  return { id: 'c'.repeat(40), author, date: '2026-01-02T03:04:05Z', subject };
}

const rejectedAt = (path: string): CheckedFile => {
  const rejection = reject('html', 'expected a signature, got a page');
  const directory = parseLocation(path)?.directory;
  return { kind: 'rejected', path, directory, entry: entryOf(path), rejection };
};

describe('generator: explain an image', () => {
  let red: Keyring;
  let blue: Keyring;
  before(async () => {
    [red, blue] = await Promise.all([
      keyringOf('lab/keys/ed25519.gpg'),
      keyringOf('lab/keys/ecdsa-p256.gpg'),
    ]);
  });

  const signed = (
    path: string,
    keyring = red,
    dockerReference = `${NAME}:v1`,
    hex = HEX,
  ): CheckedFile => {
    const fingerprint = keyring.keys[0]?.fingerprint ?? '';
    return publishable(path, {
      claims: { dockerReference, manifestDigest: `sha256:${hex}`, creator: null, timestamp: null },
      signer: { fingerprint, primaryFingerprint: fingerprint },
    });
  };

  interface Told {
    readonly policy?: Policy;
    readonly image?: string;
    readonly changed?: Readonly<Record<string, HistoryCommit>>;
  }
  const explain = async (files: readonly CheckedFile[], told: Told = {}) => {
    const { policy = await createSimplePolicy(red), image = `${NAME}:v1`, changed = {} } = told;
    const reference = parsePulledImage(image) ?? assert.fail(image);
    const lastChange = async (path: string) => {
      const commit = changed[path];
      return commit && changeOf(commit, path);
    };
    return explainImage(reference, HEX, {
      ...sightOf(storeOf(...files)),
      policy,
      lastChange,
      now: new Date(0),
    });
  };
  const codeOf = async (...args: Parameters<typeof explain>) => {
    const { verdict, reason } = await explain(...args);
    return `${verdict} ${reason?.code ?? ''}`;
  };

  it('that is signed', async () => {
    const explained = await explain([signed(at('team/app'))]);
    assert.deepEqual(explained, {
      image: `${NAME}:v1`,
      digest: `sha256:${HEX}`,
      verdict: 'accepted',
      scope: '',
      directory: formatDirectory('team/app', HEX),
      signatures: [
        {
          servedAs: `/${at('team/app')}`,
          identity: `${NAME}:v1`,
          signer: red.keys[0]?.fingerprint,
          signingKey: red.keys[0]?.fingerprint,
          userIds: red.keys[0]?.userIds,
          signedAt: '1970-01-01T00:00:00Z',
          fault: null,
          warnings: [],
        },
      ],
      reason: null,
      note: null,
    });
  });

  it('by any of its names', async () => {
    const files = [signed(at('team/app'))];
    assert.equal(await codeOf(files, { image: `${NAME}@sha256:${HEX}` }), 'accepted ');
    assert.equal(await codeOf(files, { image: `${NAME}:v2` }), 'refused other-name');
    assert.equal(await codeOf(files, { image: 'docker.io/team/app:v1' }), 'refused other-name');
  });

  it('without keys, without a scope, or under a policy that takes nothing', async () => {
    const files = [signed(at('team/app'))];
    const keyless = await createSimplePolicy(undefined);
    assert.equal(await codeOf(files, { policy: keyless }), 'unknown no-keys');
    const elsewhere = await createPolicy([createScope('docker.io', undefined, [by(red)])]);
    assert.equal(await codeOf(files, { policy: elsewhere }), 'refused no-scope');
    for (const requirements of [[REJECT], [REJECT, by(red)], [REJECT, SIGSTORE]]) {
      const policy = await createPolicy([createScope('', undefined, requirements)]);
      assert.equal(await codeOf(files, { policy }), 'refused policy-rejects');
    }
  });

  it('under a policy that takes anything, signed or not', async () => {
    const policy = await createPolicy([createScope('', undefined, [ANYTHING])]);
    const { verdict, reason, note } = await explain([], { policy });
    assert.deepEqual([verdict, reason], ['accepted', null]);
    assert.equal(note, 'the default of the policy accepts any image, signed or not');
  });

  it('that must have a sigstore signature too', async () => {
    const policy = await createPolicy([createScope('', undefined, [by(red), SIGSTORE])]);
    assert.equal(await codeOf([signed(at('team/app'))], { policy }), 'unknown also-elsewhere');
    assert.equal(await codeOf([], { policy }), 'refused unknown-repository');
    const alone = await createPolicy([createScope('', undefined, [SIGSTORE])]);
    const { verdict, reason } = await explain([], { policy: alone });
    assert.deepEqual([verdict, reason?.code], ['unknown', 'also-elsewhere']);
    assert.match(
      reason?.message ?? '',
      /asks for a sigstore signature, which this store does not keep/,
    );
  });

  it('whose signatures are in another store, which a server does not ask', async () => {
    const scope = keepIn('https://v.example', createScope('quay.io/team', undefined, [by(red)]));
    const policy = await createPolicy([scope]);
    for (const files of [[], [signed(at('team/app'))]]) {
      const { verdict, reason, directory } = await explain(files, { policy });
      assert.deepEqual([verdict, reason?.code], ['unknown', 'other-store']);
      assert.match(reason?.message ?? '', /the store at https:\/\/v\.example: nodes ask that one/);
      assert.equal(directory, formatDirectory('team/app', HEX));
    }
  });

  it('that two must have signed', async () => {
    const policy = await createPolicy([createScope('', undefined, [by(red), by(blue)])]);
    const first = signed(at('team/app'));
    const both = [first, signed(at('team/app', 2), blue)];
    assert.equal(await codeOf(both, { policy }), 'accepted ');
    assert.equal(await codeOf([first], { policy }), 'refused co-signature-missing');
    const apart = [first, signed(at('images/team/app'), blue)];
    assert.equal(await codeOf(apart, { policy }), 'refused co-signature-missing');
  });

  it('below nothing where its scope has no prefix, since no node looks there', async () => {
    for (const prefix of ['images', 'quay.io', 'x/quay.io']) {
      const explained = await explain([signed(at(`${prefix}/team/app`))]);
      assert.deepEqual([explained.verdict, explained.reason?.code], ['refused', 'elsewhere']);
      assert.equal(explained.directory, formatDirectory('team/app', HEX));
      assert.match(
        explained.reason?.next ?? '',
        /^Nodes look for team\/app below the root of the store/,
      );
    }
    assert.equal(await codeOf([signed(at('my-team/app'))]), 'refused elsewhere');
    const both = [signed(at('team/app'), blue), signed(at('images/team/app'))];
    assert.equal(await codeOf(both), 'refused other-signer');
  });

  it('below the prefix of its scope only', async () => {
    const policy = await createPolicy([createScope('quay.io', 'images', [by(red)])]);
    assert.equal(await codeOf([signed(at('images/team/app'))], { policy }), 'accepted ');
    const explained = await explain([signed(at('team/app'))], { policy });
    assert.equal(explained.directory, formatDirectory('images/team/app', HEX));
    assert.equal(explained.reason?.code, 'elsewhere');
    assert.match(explained.reason?.next ?? '', /^Nodes look for team\/app below images/);
  });

  it('by another key', async () => {
    const explained = await explain([signed(at('team/app'), blue)]);
    assert.equal(explained.reason?.code, 'other-signer');
    assert.match(explained.signatures[0]?.fault ?? '', / does not accept its key$/);
  });

  it('whose file was rejected, first of all those that lie in its directory', async () => {
    const paths = ['a/b', 'team/app', 'z/z'].map((repository) => at(repository));
    const [, here = ''] = paths;
    const changed = { [here]: commitOf('Damage') };
    const { reason } = await explain(paths.map(rejectedAt), { changed });
    assert.equal(reason?.code, 'quarantined');
    assert.deepEqual(
      reason?.code === 'quarantined' && reason.files.map(({ path, commit }) => [path, commit]),
      [[here, changed[here]]],
    );
  });

  it('whose file was rejected beside one that does not help', async () => {
    const files = [signed(at('team/app'), red, `${NAME}:v0`), rejectedAt(at('team/app', 2))];
    assert.equal(await codeOf(files), 'refused quarantined');
    const elsewhere = [signed(at('team/app'), red, `${NAME}:v0`), rejectedAt(at('x/y'))];
    assert.equal(await codeOf(elsewhere), 'refused other-name');
    const good = [signed(at('team/app')), rejectedAt(at('team/app', 2))];
    assert.equal(await codeOf(good), 'accepted ');
  });

  it('whose signatures were removed', async () => {
    const changed = { [formatDirectory('team/app', HEX)]: commitOf('Remove') };
    const { reason } = await explain([], { changed });
    assert.equal(reason?.code, 'removed');
    assert.match(
      reason?.message ?? '',
      /^commit c{12} by Ann removed its signatures on 2026-01-02T03:04:05Z$/,
    );
    assert.match(reason?.next ?? '', /`git checkout c{12}\^ -- 'team\/app@sha256=[0-9a-f]+'`/);
  });

  it('whose repository has others', async () => {
    const others = Array.from({ length: 7 }, (_, index) => {
      const hex = index.toString(16).repeat(64);
      return publishable(at('team/app', 1, hex), { signedAt: index * 1000 });
    });
    const explained = await explain(others);
    const { reason } = explained;
    assert.equal(reason?.code, 'other-digests');
    assert.deepEqual(
      reason?.code === 'other-digests' && reason.images.map(({ signedAt }) => signedAt.slice(17)),
      ['06Z', '05Z', '04Z', '03Z', '02Z'],
    );
  });

  it('of which nothing is here', async () => {
    assert.equal(await codeOf([]), 'refused unknown-repository');
    const unlike = signed(at('team/app2', 1, OTHER_HEX));
    assert.equal(await codeOf([unlike]), 'refused unknown-repository');
  });
});
