import { join } from 'node:path';
import { LOOKASIDE, REGISTRIES, edit, put } from './node-tree.ts';
import { type Mistake, STORE, TEAM, outside, section } from './planted.ts';

/** Both members of the section for the team. */
const toStore = (store: string) => (root: string) =>
  edit(join(root, LOOKASIDE), new RegExp(`: ${STORE}$`, 'gm'), `: ${store}`);
const member = (name: string, from: string, to: string) => (root: string) =>
  edit(join(root, LOOKASIDE), new RegExp(`${name}: ${from}$`, 'm'), to);
const add = (name: string, text: string) => (root: string) =>
  put(join(root, REGISTRIES, name), text);

const STAGING = ['--staging', '/srv/signatures'];

/** Mistakes by which nodes ask the wrong store. */
export const STORE_MISTAKES: readonly Mistake[] = [
  {
    title: 'no section for a scope',
    code: 'store-missing',
    path: REGISTRIES,
    plant: (root) =>
      edit(
        join(root, LOOKASIDE),
        `  ${TEAM}:\n    lookaside: ${STORE}\n    sigstore: ${STORE}\n`,
        '',
      ),
  },
  {
    title: 'the section of a parent in its place',
    code: 'store-missing',
    path: LOOKASIDE,
    plant: (root) =>
      edit(
        join(root, LOOKASIDE),
        section(TEAM, STORE),
        section('quay.io', 'https://old.example.com'),
      ),
  },
  {
    title: 'another store',
    code: 'store-differs',
    path: LOOKASIDE,
    plant: toStore('https://old.example.com'),
  },
  {
    title: 'another directory of the store',
    code: 'store-differs',
    path: LOOKASIDE,
    plant: (root) => edit(join(root, LOOKASIDE), /\/internal$/gm, ''),
  },
  {
    title: 'a part of a scope at another store',
    code: 'narrower-section',
    path: `${REGISTRIES}/app.yaml`,
    plant: add('app.yaml', section(`${TEAM}/app`, 'https://old.example.com')),
  },
  {
    title: 'another store for one tag',
    code: 'narrower-section',
    path: `${REGISTRIES}/app.yaml`,
    plant: add('app.yaml', section(`${TEAM}/app:v1`, 'https://old.example.com')),
  },
  {
    title: 'a registry with a store of its own, outside all scopes',
    code: 'narrower-section',
    severity: 'warning',
    path: `${REGISTRIES}/vendor.yaml`,
    args: outside,
    plant: add('vendor.yaml', section('vendor.example', 'https://vendor.example/sigs')),
  },
  {
    title: 'nothing for old clients',
    code: 'old-client-key-missing',
    path: LOOKASIDE,
    plant: member('    sigstore', STORE, ''),
  },
  {
    title: 'old clients sent elsewhere by a parent',
    code: 'old-client-key-missing',
    path: LOOKASIDE,
    plant: member('    sigstore', STORE, '  quay.io:\n    sigstore: https://old.example.com'),
  },
  {
    title: 'old clients sent elsewhere',
    code: 'key-order',
    path: LOOKASIDE,
    plant: member('sigstore', STORE, 'sigstore: https://old.example.com'),
  },
  {
    title: 'new clients sent elsewhere',
    code: 'key-order',
    path: LOOKASIDE,
    plant: member('lookaside', STORE, 'lookaside: https://old.example.com'),
  },
  { title: 'http', code: 'http-store', path: LOOKASIDE, plant: toStore('http://sig.example.com') },
  {
    title: 'a trailing slash',
    code: 'trailing-slash',
    path: LOOKASIDE,
    plant: toStore(`${STORE}/`),
  },
  {
    title: 'a trailing slash for old clients',
    code: 'trailing-slash',
    path: LOOKASIDE,
    plant: member('sigstore', STORE, `sigstore: ${STORE}/`),
  },
  {
    title: 'the registry',
    code: 'registry-as-store',
    path: LOOKASIDE,
    plant: toStore('https://quay.io/'),
  },
  {
    title: 'the API of the registry',
    code: 'registry-as-store',
    path: LOOKASIDE,
    plant: toStore('https://quay.io:443/v2'),
  },
  {
    title: 'another path on the host of the registry',
    code: 'store-differs',
    path: LOOKASIDE,
    plant: toStore('https://quay.io/signatures'),
  },
  { title: 'no scheme', code: 'no-scheme', path: LOOKASIDE, plant: toStore('sig.example.com') },
  {
    title: 'a host and a port',
    code: 'no-scheme',
    path: LOOKASIDE,
    plant: toStore('sig.example.com:443'),
  },
  {
    title: 'another scheme',
    code: 'unsupported-scheme',
    path: LOOKASIDE,
    plant: toStore('s3://sig.example.com'),
  },
  {
    title: 'a fragment',
    code: 'store-unusable',
    path: LOOKASIDE,
    plant: toStore(`${STORE}#signatures`),
  },
  {
    title: 'another place for signatures that are made there',
    code: 'staging-differs',
    path: LOOKASIDE,
    args: () => STAGING,
    plant: (root) =>
      edit(join(root, LOOKASIDE), /-staging: file:\/\/\/srv/g, '-staging: file:///old'),
  },
  {
    title: 'a machine that signs and does not see what others signed',
    code: 'store-differs',
    path: LOOKASIDE,
    args: () => STAGING,
    plant: (root) => edit(join(root, LOOKASIDE), / (lookaside|sigstore): .*$/gm, ` $1: ${STORE}`),
  },
];
