import { appendFile, chmod, copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { KEYS, LOOKASIDE, POLICY, editPolicy, put } from './node-tree.ts';
import type { Keys, Mistake } from './planted.ts';

const TEAM_KEYS = `${KEYS}/lookaside-quay.io-team.asc`;
const ANYTHING = [{ type: 'insecureAcceptAnything' }];
const signedBy = (members: object): object => ({
  type: 'signedBy',
  keyType: 'GPGKeys',
  ...members,
});
const append = async (path: string, other: string): Promise<void> =>
  appendFile(path, await readFile(other));
const write = (path: string, text: string) => (root: string) => put(join(root, path), text);

const otherScope =
  (members: object) =>
  (root: string): Promise<void> =>
    editPolicy(join(root, POLICY), (docker) => {
      docker['vendor.example'] = [signedBy(members)];
    });

/** Mistakes with keys, and with what users have in place of the system's files. */
export const keyMistakes = (keys: () => Keys): readonly Mistake[] => [
  {
    title: 'a key too many',
    code: 'wrong-keys',
    path: TEAM_KEYS,
    plant: (root) => copyFile(keys().both, join(root, TEAM_KEYS)),
  },
  {
    title: 'another key',
    code: 'wrong-keys',
    path: TEAM_KEYS,
    plant: (root) => copyFile(keys().stranger, join(root, TEAM_KEYS)),
  },
  {
    title: 'a key too few',
    code: 'wrong-keys',
    path: `${KEYS}/lookaside-few.example.asc`,
    args: ({ both }) => ['--scope', `few.example=${both}`],
    plant: (root) => copyFile(keys().team, join(root, `${KEYS}/lookaside-few.example.asc`)),
  },
  {
    title: 'no key file',
    code: 'key-file-missing',
    path: TEAM_KEYS,
    plant: (root) => rm(join(root, TEAM_KEYS)),
  },
  {
    title: 'no keys in the key file',
    code: 'key-file-unreadable',
    path: TEAM_KEYS,
    plant: write(TEAM_KEYS, 'x'),
  },
  {
    title: 'no key file of a scope that nobody asked for',
    code: 'key-file-missing',
    severity: 'warning',
    path: `${KEYS}/vendor.asc`,
    plant: otherScope({ keyPath: `/${KEYS}/vendor.asc` }),
  },
  {
    title: 'no keys in the key file of a scope that nobody asked for',
    code: 'key-file-unreadable',
    severity: 'warning',
    path: `${KEYS}/vendor.asc`,
    plant: async (root) => {
      await otherScope({ keyPaths: [`/${KEYS}/vendor.asc`] })(root);
      await put(join(root, KEYS, 'vendor.asc'), 'x');
    },
  },
  {
    title: 'data that is no key, in a scope that nobody asked for',
    code: 'key-file-unreadable',
    severity: 'warning',
    path: POLICY,
    plant: otherScope({ keyData: Buffer.from('no key').toString('base64') }),
  },
  {
    title: 'a key file without its last line',
    code: 'key-not-taken',
    severity: 'warning',
    path: TEAM_KEYS,
    plant: async (root) => {
      const text = await readFile(join(root, TEAM_KEYS), 'utf8');
      await put(join(root, TEAM_KEYS), text.replace(/-----END.*\n/, ''));
    },
  },
  {
    title: 'a private key',
    code: 'private-key',
    path: TEAM_KEYS,
    plant: async (root) => {
      await copyFile(keys().secret, join(root, TEAM_KEYS));
      await chmod(join(root, TEAM_KEYS), 0o644);
    },
  },
  {
    title: 'a private key behind the public one',
    code: 'private-key',
    path: TEAM_KEYS,
    plant: (root) => append(join(root, TEAM_KEYS), keys().secret),
  },
  {
    title: 'a private key in armor that says it is public',
    code: 'private-key',
    path: TEAM_KEYS,
    plant: async (root) => {
      const armored = await readFile(keys().secret, 'utf8');
      await put(join(root, TEAM_KEYS), armored.replaceAll('PRIVATE', 'PUBLIC'));
    },
  },
  {
    title: 'a private key in a file of a scope that is not ours',
    code: 'private-key',
    path: 'etc/pki/other.gpg',
    plant: async (root) => {
      await copyFile(keys().secret, join(root, 'etc/pki/other.gpg'));
      await chmod(join(root, 'etc/pki/other.gpg'), 0o644);
      await editPolicy(join(root, POLICY), (docker) => {
        docker['other.example'] = [signedBy({ keyPath: '/etc/pki/other.gpg' })];
      });
    },
  },
  {
    title: 'a private key in the policy, for another transport',
    code: 'private-key',
    path: POLICY,
    plant: async (root) => {
      const keyData = await readFile(keys().secret, 'base64');
      await editPolicy(join(root, POLICY), (_docker, { transports }) =>
        Object.assign(Object(transports), { atomic: { 'a.example': [signedBy({ keyData })] } }),
      );
    },
  },
  {
    title: 'a key that has expired',
    code: 'key-expired',
    path: `${KEYS}/lookaside-old.example.asc`,
    args: ({ expired }) => ['--scope', `old.example=${expired}`],
    plant: async () => undefined,
  },
  {
    title: 'a key that expires soon',
    code: 'key-expires-soon',
    severity: 'warning',
    path: `${KEYS}/lookaside-soon.example.asc`,
    args: ({ soon }) => ['--scope', `soon.example=${soon}`],
    plant: async () => undefined,
  },
  {
    title: 'a key that is revoked',
    code: 'key-revoked',
    path: `${KEYS}/lookaside-gone.example.asc`,
    args: ({ revoked }) => ['--scope', `gone.example=${revoked}`],
    plant: async () => undefined,
  },
  {
    title: 'a key of which no part may sign any more',
    code: 'key-cannot-sign',
    path: `${KEYS}/lookaside-mute.example.asc`,
    args: ({ mute }) => ['--scope', `mute.example=${mute}`],
    plant: async () => undefined,
  },
  {
    title: 'a key as it was before its revocation',
    code: 'key-outdated',
    path: `${KEYS}/lookaside-gone.example.asc`,
    args: ({ revoked }) => ['--scope', `gone.example=${revoked}`],
    plant: (root) => copyFile(keys().unrevoked, join(root, `${KEYS}/lookaside-gone.example.asc`)),
  },
  {
    title: 'a key that is revoked, of which ours is not',
    code: 'key-revoked',
    path: `${KEYS}/lookaside-gone.example.asc`,
    args: ({ unrevoked }) => ['--scope', `gone.example=${unrevoked}`],
    plant: (root) => copyFile(keys().revoked, join(root, `${KEYS}/lookaside-gone.example.asc`)),
  },
  {
    title: 'a key as it was before it was extended',
    code: 'key-outdated',
    severity: 'warning',
    path: `${KEYS}/lookaside-long.example.asc`,
    args: ({ extended }) => ['--scope', `long.example=${extended}`],
    plant: (root) => copyFile(keys().short, join(root, `${KEYS}/lookaside-long.example.asc`)),
  },
  ...[POLICY, LOOKASIDE, TEAM_KEYS].map((path): Mistake => ({
    title: `that users may not read ${path}`,
    code: 'not-readable-by-users',
    severity: 'warning',
    path,
    plant: (root) => chmod(join(root, path), 0o640),
  })),
  ...['etc/containers/registries.d', 'etc/pki', 'etc'].map((path): Mistake => ({
    title: `that users may not enter ${path}`,
    code: 'not-readable-by-users',
    severity: 'warning',
    path,
    plant: (root) => chmod(join(root, path), 0o750),
  })),
  {
    title: 'a policy.json of its own in a home that only passwd names',
    code: 'user-policy-hides',
    path: 'srv/ci/.config/containers/policy.json',
    plant: async (root) => {
      await put(join(root, 'etc/passwd'), 'ci:x:990:990::/srv/ci/:/usr/sbin/nologin\n');
      const path = join(root, 'srv/ci/.config/containers/policy.json');
      await put(path, JSON.stringify({ default: ANYTHING }));
    },
  },
  ...['root', 'home/me', 'var/home/me', 'var/roothome'].flatMap((home): Mistake[] => [
    {
      title: `a registries.d of its own in ${home}`,
      code: 'user-registries-hide',
      path: `${home}/.config/containers/registries.d`,
      plant: (root) =>
        mkdir(join(root, home, '.config/containers/registries.d'), { recursive: true }),
    },
    {
      title: `a policy.json of its own in ${home}`,
      code: 'user-policy-hides',
      path: `${home}/.config/containers/policy.json`,
      plant: write(`${home}/.config/containers/policy.json`, JSON.stringify({ default: ANYTHING })),
    },
  ]),
];
