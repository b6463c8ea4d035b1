import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { parseStoreUrl } from '../../../generator/nodes/store-url.ts';
import { readKeyring } from '../../../generator/openpgp/read-keyring.ts';
import {
  type Policy,
  createPolicy,
  createScope,
  createSimplePolicy,
  keepIn,
} from '../../../generator/policy/policy.ts';
import {
  type PageFacts,
  type PageKey,
  createPolicyFacts,
} from '../../../server/landing/page-facts.ts';
import { renderPage } from '../../../server/landing/render-page.ts';
import { shapeOf } from '../html/shape-of.ts';
import { BLUE, GREEN, RED, fingerprintOf, policyOf, signedBy } from './policies.ts';

const URL = parseStoreUrl('https://sigs.example');
const NOW = new Date('2026-11-22T12:00:00Z');
const SERVED = {
  signatures: 7,
  repositories: 1,
  commit: 'c0ffee',
  loadedAt: '2026-11-21T08:09:10.123Z',
  isInUse: () => false,
};
const ANYTHING = { type: 'insecureAcceptAnything' } as const;

function render(policy: Policy, more: Partial<PageFacts> = {}): string {
  const facts = createPolicyFacts(policy);
  return renderPage({
    ...facts,
    url: URL,
    origin: 'configured',
    served: SERVED,
    now: NOW,
    ...more,
  });
}

/** As one whose primary key goes on, and a subkey does not. */
function withSubkey(key: PageKey): PageKey {
  const until = NOW.getTime() + 8 * 86_400_000;
  const signers = new Map([
    [key.fingerprint, Infinity],
    ['SUB', until],
  ]);
  return { ...key, life: { isRevoked: false, signers } };
}

/** The page as people read it, without markup, style and script. */
function textOf(page: string): string {
  const body = page.replace(/^[^]*?<body>/, '').replace(/<script>[^]*/, '');
  return body
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .replaceAll(/\s+/g, ' ');
}

/** A page where a stranger's text is wherever text of strangers can be. */
async function hostilePage(text: string): Promise<string> {
  const change = (key: { fingerprint: string; expires: string | null }) => ({
    ...key,
    userIds: [text],
  });
  const rule = { type: 'remapIdentity', prefix: text, signedPrefix: text } as const;
  const keys = [await signedBy([RED], rule, change)];
  const policy = await policyOf({ [`r.example/${text}`]: keys, '': keys });
  const url = { base: `https://sigs.example/${text}`, query: text };
  const served = { ...SERVED, commit: `c${text}`, loadedAt: text };
  const facts = createPolicyFacts(policy);
  const page = { ...facts, url, origin: 'configured', served, now: NOW } as const;
  const asked = renderPage({ ...page, question: { text, answer: text } });
  return `${renderPage(page).replace('</html>', '')}${asked.replace(/^[^]*<body>/, '<body>')}`;
}

describe('the page', () => {
  it('tells what is served, from where and since when', async () => {
    const text = textOf(render(await createSimplePolicy(undefined)));
    assert.match(text, /Serves 7 signatures of 1 repository Commit c0ffee/);
    assert.match(text, /Since 2026-11-21 08:09 UTC/);
  });

  it('says while nothing is loaded yet', async () => {
    const text = textOf(render(await createSimplePolicy(undefined), { served: undefined }));
    assert.match(text, /Serves The signatures are being loaded\. Checks/);
    assert.doesNotMatch(text, /Commit|Since/);
  });

  it('has a section for each scope, with keys, rules and places', async () => {
    const rule = { type: 'matchRepository' } as const;
    const policy = await policyOf(
      {
        'quay.io/team': [await signedBy([RED])],
        'r.example': [await signedBy([RED], rule), await signedBy([BLUE], rule)],
        '*.example.org': [await signedBy([GREEN])],
        'r.example/app:v1': [await signedBy([BLUE])],
        '': [await signedBy([BLUE, GREEN])],
      },
      { 'r.example': 'mirror' },
    );
    const page = render(policy);
    const text = textOf(page);
    const red = await fingerprintOf(RED);
    assert.match(text, new RegExp(`Keys for quay.io/team Key State ${red} `));
    assert.match(text, /signatures by both of these keys\. It must be signed under the repository/);
    assert.match(text, /All other images An image needs a signature by one of these 2 keys/);
    for (const image of [
      'quay.io/team/NAME:TAG',
      'r.example/NAMESPACE/NAME:TAG',
      'HOST.example.org/NAMESPACE/NAME:TAG',
      'r.example/app:v1',
      'REGISTRY/NAMESPACE/NAME:TAG',
    ]) {
      assert.ok(text.includes(`IMAGE='${image}'`), image);
    }
    assert.ok(text.includes("'https://sigs.example/mirror/NAMESPACE/NAME@sha256=HEX/signature-1'"));
    assert.ok(text.includes("'https://sigs.example/app@sha256=HEX/signature-1'"));
    assert.match(text, /must be compared with its fingerprint from elsewhere/);
  });

  it('says of images of another store where that is, and that nodes have the keys', async () => {
    const [known, own] = [await signedBy([GREEN]), await signedBy([RED])];
    assert.ok(known.type === 'signedBy');
    const unknown = { ...known, keyring: await readKeyring([]), keyPaths: ['/etc/pki/vendor'] };
    const policy = await createPolicy([
      keepIn('https://vendor.example/sigs', createScope('v.example', undefined, [unknown])),
      keepIn('https://other.example', createScope('w.example', undefined, [known])),
      createScope('quay.io/team', undefined, [own]),
    ]);
    const page = render(policy);
    const text = textOf(page);
    assert.match(text, /v\.example An image needs a signature by a key that nodes have\./);
    assert.match(text, /Its signatures are in another store: https:\/\/vendor\.example\/sigs /);
    assert.match(text, /Nodes have the keys already: \/etc\/pki\/vendor /);
    const file = 'NAMESPACE/NAME@sha256=HEX/signature-1';
    assert.ok(text.includes(`curl -sI 'https://vendor.example/sigs/${file}'`));
    assert.ok(text.includes(`curl -sI 'https://sigs.example/team/NAME@sha256=HEX/signature-1'`));
    // Every key that is shown can be fetched.
    const { downloads } = createPolicyFacts(policy);
    const paths = new Set(downloads.map(({ path }) => path));
    for (const [, path = ''] of page.matchAll(/href="(nodes\/[^"]*)"/g))
      assert.ok(paths.has(path), path);
    assert.ok(paths.has(`nodes/keys/${await fingerprintOf(GREEN)}.asc`));
  });

  it('has a file for each file of registries.d', async () => {
    const red = [await signedBy([RED])];
    const scopes = ['registry.redhat.io', 'quay.io/team', ''].map((name) =>
      createScope(name, undefined, red),
    );
    const { downloads } = createPolicyFacts(await createPolicy(scopes));
    const paths = downloads.flatMap(({ path, installedAt }) =>
      installedAt?.includes('registries.d') ? [path] : [],
    );
    assert.deepEqual(paths, [
      'nodes/registries.d.yaml',
      'nodes/registries.d-registry.redhat.io.yaml',
      'nodes/registries.d-default.yaml',
    ]);
  });

  it('names the groups of which one key each must have signed', async () => {
    const exact = { type: 'matchExact' } as const;
    const mixed = [await signedBy([RED, GREEN]), await signedBy([BLUE], exact)];
    const text = textOf(render(await policyOf({ 'r.example': mixed })));
    assert.match(text, /Signature 1 It must be signed under the name and tag/);
    assert.match(text, /Signature 2 It must be signed under exactly/);
  });

  it('says when keys end', async () => {
    const ends = ['2026-11-01T00:00:00Z', '2026-12-01T00:00:00Z', null];
    const change = (key: { fingerprint: string; userIds: readonly string[] }) => ({
      ...key,
      expires: ends.shift() ?? null,
    });
    const keys = await signedBy([RED, BLUE, GREEN], { type: 'matchExact' }, change);
    const text = textOf(render(await policyOf({ 'r.example': [keys] })));
    assert.match(
      text,
      /2026-11-01 expired 21 days ago .*2026-12-01 expires in 8 days .* does not expire/,
    );
  });

  it('makes tables of keys once, whatever address they are shown under', async () => {
    let reads = 0;
    const counted = (key: PageKey): PageKey => ({
      ...key,
      get userIds() {
        reads += 1;
        return key.userIds;
      },
    });
    const made = createPolicyFacts(await policyOf({ 'r.example': [await signedBy([RED])] }));
    const scopes = made.scopes.map((scope) => ({
      ...scope,
      groups: scope.groups.map((group) => ({ ...group, keys: group.keys.map(counted) })),
    }));
    const facts = { ...made, scopes };
    const show = (host: string, now: Date): string => {
      const url = parseStoreUrl(`https://${host}`);
      return renderPage({ ...facts, url, origin: 'asked', served: SERVED, now });
    };
    show('a.example', NOW);
    const once = reads;
    assert.match(show('b.example', NOW), /b\.example/);
    assert.equal(reads, once);
    show('b.example', new Date('2026-11-23T12:00:00Z'));
    assert.equal(reads, 2 * once);
  });

  it('says when the subkey ends by which a key has signed what is served', async () => {
    const made = createPolicyFacts(await policyOf({ 'r.example': [await signedBy([BLUE])] }));
    const scopes = made.scopes.map((scope) => ({
      ...scope,
      groups: scope.groups.map((group) => ({ ...group, keys: group.keys.map(withSubkey) })),
    }));
    const show = (loadedAt: string, used: string): string =>
      textOf(
        renderPage({
          ...made,
          scopes,
          url: URL,
          origin: 'configured',
          served: { ...SERVED, loadedAt, isInUse: (subkey) => subkey === used },
          now: NOW,
        }),
      );
    assert.match(show('2026-11-21T08:09:10.123Z', 'other'), /does not expire/);
    assert.match(show('2026-11-21T08:09:11.123Z', 'SUB'), /2026-11-30 expires in 8 days/);
  });

  it('says that a key is revoked', async () => {
    const keys = await signedBy(['lab/keys/revoked-key.gpg']);
    const page = render(await policyOf({ 'r.example': [keys] }));
    assert.match(page, /<strong>revoked: what it signed is refused<\/strong>/);
  });

  it('folds many keys and many files away', async () => {
    const names = ['two-a', 'lab', 'ed25519', 'ecdsa-p256', 'dsa2048', 'rsa1024', 'with-subkey'];
    const paths = names.map((name) => `lab/keys/${name}.gpg`);
    const any = render(await policyOf({ 'r.example': [await signedBy(paths)] }));
    assert.match(textOf(any), /Show all 7 keys/);
    const each = await Promise.all(paths.map(async (path) => signedBy([path])));
    const all = textOf(render(await policyOf({ 'r.example': each })));
    assert.match(all, /Show all 7 keys .*each key has its own file: show all 7/);
  });

  it('folds what nodes need for each scope away where there are many', async () => {
    const keys = [await signedBy([RED])];
    const pageOf = async (count: number): Promise<string> => {
      const scopes = Array.from({ length: count }, (_, index) => [`r.example/${index}`, keys]);
      return textOf(render(await policyOf(Object.fromEntries(scopes))));
    };
    assert.doesNotMatch(await pageOf(8), /Set up and try/);
    assert.match(await pageOf(9), /Set up and try r\.example\/0 /);
  });

  it('tells plainly that signatures are not checked', async () => {
    const text = textOf(render(await createSimplePolicy(undefined)));
    assert.match(text, /Signatures are not checked here\./);
    assert.match(text, /docker: registry\.example\.com: lookaside: https:\/\/sigs\.example/);
    assert.doesNotMatch(text, /signedBy|nodes\//);
  });

  it('shows of a policy what asks for keys, and counts the rest', async () => {
    const some = { 'r.example': [await signedBy([RED])], 'r.example/open': [ANYTHING] };
    const text = textOf(render(await policyOf(some)));
    assert.match(
      text,
      /One more group asks for something other than signatures by keys that are known here, and is not shown/,
    );
    assert.match(text, /Get that policy from the people who run the store/);
    assert.doesNotMatch(text, /nodes\/policy\.json/);
    const two = textOf(render(await policyOf({ ...some, '': [ANYTHING] })));
    assert.match(
      two,
      /2 more groups ask for something other than signatures by keys that are known here, and are not shown/,
    );
    const none = await policyOf({ 'r.example': [await signedBy([RED]), ANYTHING] });
    assert.match(
      textOf(render(none)),
      /checks signatures by a policy that asks for more than signatures by/,
    );
  });

  it('says what happens to images that no scope covers', async () => {
    const some = { 'r.example': [await signedBy([RED])] };
    const reject = { type: 'unmeetable', what: 'rejects every image' } as const;
    const open = textOf(render(await policyOf(some)));
    assert.match(open, /asks for signatures of the images below, and takes all others unsigned/);
    const closed = textOf(render(await policyOf({ ...some, '': [reject] })));
    assert.match(closed, /asks for signatures of the images below, and refuses all others/);
    assert.match(closed, /sigs\.example\/nodes\/policy\.json/);
  });

  it('warns of an address that is open, or not known', async () => {
    const policy = await createSimplePolicy(undefined);
    const signed = await policyOf({ 'r.example': [await signedBy([RED])] });
    const withUrl = (url: string, origin: PageFacts['origin']): string =>
      textOf(render(signed, { url: parseStoreUrl(url), origin }));
    assert.match(
      withUrl('http://a.example', 'asked'),
      /address that you opened this page with\. Over http /,
    );
    assert.match(
      withUrl('https://a.example', 'unknown'),
      /does not know its own address: replace https:/,
    );
    assert.doesNotMatch(
      withUrl('https://a.example', 'configured'),
      /you opened|own address|Over http/,
    );
    assert.doesNotMatch(textOf(render(policy)), /own address/);
  });

  it('does not change its shape, whatever strangers write', async () => {
    const plainPage = await hostilePage('x');
    const plain = shapeOf(plainPage);
    const [style = ''] = /<style>[^]*?<\/style>/.exec(plainPage) ?? [];
    const [script = ''] = /<script>[^]*?<\/script>/.exec(plainPage) ?? [];
    assert(style.includes('.block pre') && script.includes('Copied'));
    const hostile = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('"><script>alert(1)</script>', "' onclick='x", '</pre>', '&lt;', '</style>'),
    );
    const property = fc.asyncProperty(hostile, async (raw) => {
      const page = await hostilePage(raw.replaceAll(/[\uFFFE\uFFFF]/g, ''));
      assert.deepEqual(shapeOf(page), plain);
      assert.doesNotMatch(page.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u);
      assert.ok(page.includes(style));
      assert.ok(page.includes(script));
    });
    await fc.assert(property, { numRuns: 150 });
  });

  it('has an anchor of its own for each scope, and links to none that is not there', async () => {
    const keys = [await signedBy([RED])];
    const names = ['r.example/a', 'r.example:5/a', 'r.example-a', 'r.example--a', '*.a', ''];
    const page = render(await policyOf(Object.fromEntries(names.map((name) => [name, keys]))));
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    assert.equal(new Set(ids).size, ids.length);
    for (const [, id] of page.matchAll(/href="#([^"]+)"/g)) assert.ok(ids.includes(id), id);
  });
});
