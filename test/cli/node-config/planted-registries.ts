import { mkdir, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { LOOKASIDE, REGISTRIES, edit, put } from './node-tree.ts';
import { type Mistake, STORE, TEAM, outside, section } from './planted.ts';

/** The file of the tree that is laid out for all images. */
const DEFAULT = `${REGISTRIES}/default.yaml`;

const member = (name: string, from: string, to: string) => (root: string) =>
  edit(join(root, LOOKASIDE), new RegExp(`${name}: ${from}$`, 'm'), to);
const add = (name: string, text: string) => (root: string) =>
  put(join(root, REGISTRIES, name), text);

const unreadable = (title: string, name: string, plant: Mistake['plant']): Mistake => ({
  title,
  code: 'registries-unreadable',
  path: `${REGISTRIES}/${name}`,
  plant,
});

/** Mistakes by which files of registries.d are refused or ignored. */
export const REGISTRIES_MISTAKES: readonly Mistake[] = [
  {
    title: 'no registries.d',
    code: 'missing-file',
    path: REGISTRIES,
    plant: (root) => rm(join(root, REGISTRIES), { recursive: true }),
  },
  unreadable('broken YAML', 'other.yaml', add('other.yaml', 'docker: [')),
  unreadable('a key twice', 'other.yaml', add('other.yaml', 'docker: {a.b: {}, a.b: {}}')),
  unreadable('a list for a section', 'other.yaml', add('other.yaml', 'docker: {a.b: []}')),
  unreadable(
    'a list for an address',
    'other.yaml',
    add('other.yaml', 'docker: {a.b: {sigstore: []}}'),
  ),
  unreadable(
    'a number for a switch',
    'other.yaml',
    add('other.yaml', 'default-docker: {use-sigstore-attachments: 7}'),
  ),
  unreadable('a link to nowhere', 'other.yaml', (root) =>
    symlink('nowhere', join(root, REGISTRIES, 'other.yaml')),
  ),
  unreadable('a directory', 'other.yaml', (root) => mkdir(join(root, REGISTRIES, 'other.yaml'))),
  unreadable('our file broken', 'lookaside.yaml', add('lookaside.yaml', '}')),
  {
    title: 'the same scope in two files',
    code: 'duplicate-scope',
    path: `${REGISTRIES}/team.yaml`,
    plant: add('team.yaml', section(TEAM, 'https://old.example.com')),
  },
  {
    title: 'default-docker in two files',
    code: 'duplicate-default',
    path: `${REGISTRIES}/old.yaml`,
    args: outside,
    plant: add('old.yaml', 'default-docker:\n  lookaside-staging: file:///var/lib\n'),
  },
  {
    title: 'a misspelt member',
    code: 'unknown-member',
    path: LOOKASIDE,
    plant: member('lookaside', STORE, `lookasid: ${STORE}`),
  },
  {
    title: 'a misspelt docker',
    code: 'unknown-member',
    path: LOOKASIDE,
    plant: (root) => edit(join(root, LOOKASIDE), /^docker:/m, 'dokcer:'),
  },
  {
    title: 'a misspelt default-docker',
    code: 'unknown-member',
    path: DEFAULT,
    args: outside,
    plant: (root) => edit(join(root, DEFAULT), 'default-docker:', 'default_docker:'),
  },
  {
    title: 'a misspelt member for others',
    code: 'unknown-member',
    severity: 'warning',
    path: `${REGISTRIES}/other.yaml`,
    plant: add('other.yaml', 'docker:\n  other.example:\n    sigstor: x\n'),
  },
  {
    title: 'a name that ends in .yml',
    code: 'ignored-file',
    path: `${REGISTRIES}/lookaside.yml`,
    plant: (root) => rename(join(root, LOOKASIDE), join(root, REGISTRIES, 'lookaside.yml')),
  },
  {
    title: 'our file under a name for backups',
    code: 'ignored-file',
    path: `${REGISTRIES}/lookaside.yaml.rpmsave`,
    plant: (root) => rename(join(root, LOOKASIDE), join(root, `${LOOKASIDE}.rpmsave`)),
  },
  {
    title: 'a .yml file of others',
    code: 'ignored-file',
    severity: 'warning',
    path: `${REGISTRIES}/other.yml`,
    plant: add('other.yml', section('other.example', STORE)),
  },
  {
    title: 'the default.yaml of the distribution back',
    code: 'default-replaced',
    path: DEFAULT,
    args: outside,
    plant: add(
      'default.yaml',
      'default-docker:\n  lookaside-staging: file:///var/lib/containers/sigstore\n',
    ),
  },
];
