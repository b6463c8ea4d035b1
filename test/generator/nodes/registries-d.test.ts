import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { parse } from 'yaml';
import { type RegistriesOptions, formatRegistries } from '../../../generator/nodes/registries-d.ts';
import { formatStoreUrl, parseStoreUrl } from '../../../generator/nodes/store-url.ts';
import { type Scope, createScope } from '../../../generator/policy/policy.ts';
import { scopeLists } from './random-scopes.ts';

const ADDRESS = parseStoreUrl('https://sigs.example/store');
const OPTIONS: RegistriesOptions = {
  url: ADDRESS,
  clients: 'any',
  staging: undefined,
  isRootless: false,
};
const STORE = 'https://sigs.example/store';
const scopeOf = (name: string, prefix?: string): Scope => createScope(name, prefix, []);

function textsOf(scopes: readonly Scope[], options: Partial<RegistriesOptions> = {}) {
  const files = formatRegistries('acme', scopes, { ...OPTIONS, ...options });
  return new Map(files.map(({ path, bytes }) => [path, Buffer.from(bytes).toString()]));
}

function sectionsOf(...args: Parameters<typeof textsOf>): Record<string, unknown> {
  return Object.fromEntries(
    [...textsOf(...args)].map(([path, text]): [string, unknown] => [path, parse(text)]),
  );
}

/** The section of a machine that signs: it reads where it writes. */
const stagedSection = (place: string) => ({
  lookaside: place,
  'lookaside-staging': place,
  sigstore: place,
  'sigstore-staging': place,
});
/** Two scopes, the first with a prefix. */
const stagedSections = (staging: string) => ({
  'quay.io': stagedSection(`file://${staging === '/' ? '' : staging}/images`),
  'a.example': stagedSection(`file://${staging}`),
});

describe('generator: registries.d', () => {
  it('names the store for old clients and new', () => {
    assert.deepEqual(sectionsOf([scopeOf('quay.io/team')]), {
      'acme.yaml': { docker: { 'quay.io/team': { lookaside: STORE, sigstore: STORE } } },
    });
  });

  it('names it once for newer clients', () => {
    assert.deepEqual(sectionsOf([scopeOf('*.example')], { clients: '5.22+' }), {
      'acme.yaml': { docker: { '*.example': { lookaside: STORE } } },
    });
  });

  it('has the directory of each scope, escaped', () => {
    const scopes = [scopeOf('quay.io', 'quay.io'), scopeOf('a.example', 'ü/100%')];
    assert.deepEqual(sectionsOf(scopes, { clients: '5.22+' }), {
      'acme.yaml': {
        docker: {
          'quay.io': { lookaside: `${STORE}/quay.io` },
          'a.example': { lookaside: `${STORE}/%C3%BC/100%25` },
        },
      },
    });
  });

  it('says where machines that sign write, and that they read there', () => {
    const scopes = [scopeOf('quay.io', 'images'), scopeOf('a.example')];
    for (const staging of ['/srv/signatures', '/']) {
      assert.deepEqual(sectionsOf(scopes, { staging }), {
        'acme.yaml': { docker: stagedSections(staging) },
      });
    }
    const [spaced] = textsOf(scopes, { staging: '/my sigs' }).values();
    assert.match(spaced ?? '', /file:\/\/\/my%20sigs\n/);
  });

  it("replaces the distribution's file for what no scope covers, and keeps its staging", () => {
    const scopes = [scopeOf(''), scopeOf('quay.io')];
    const files = sectionsOf(scopes, { clients: '5.22+' });
    assert.deepEqual(Object.keys(files), ['acme.yaml', 'default.yaml']);
    const staging = 'file:///var/lib/containers/sigstore';
    assert.deepEqual(files['default.yaml'], {
      'default-docker': { lookaside: STORE, 'lookaside-staging': staging },
    });
    assert.deepEqual(sectionsOf([scopeOf('')], { clients: '5.22+', staging: '/srv' }), {
      'default.yaml': {
        'default-docker': { lookaside: 'file:///srv', 'lookaside-staging': 'file:///srv' },
      },
    });
  });

  it('has no staging that a user could not write to', () => {
    assert.deepEqual(sectionsOf([scopeOf('')], { clients: '5.22+', isRootless: true }), {
      'default.yaml': { 'default-docker': { lookaside: STORE } },
    });
  });

  it('tells people what they should know before they copy it', () => {
    for (const text of textsOf([scopeOf(''), scopeOf('quay.io')]).values()) {
      assert.match(
        text,
        /^# Written by lookaside node-config.*\n# .*fails every pull\.\n\n[a-z-]+:\n/,
      );
    }
  });

  it('is read back as it was meant, each scope once', () => {
    fc.assert(
      fc.property(scopeLists, (scopes) => {
        const docker = Object.fromEntries(
          scopes
            .filter(({ name }) => name !== '')
            .map(({ name, prefix = '' }) => [name, { lookaside: formatStoreUrl(ADDRESS, prefix) }]),
        );
        const files = sectionsOf(scopes, { clients: '5.22+' });
        if (Object.keys(docker).length > 0) assert.deepEqual(files['acme.yaml'], { docker });
      }),
    );
  });
});
