// What clients from containers/image 5.40 on read beside /etc, and older ones do not.
import assert from 'node:assert/strict';
import { cp, mkdir, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { LOOKASIDE, POLICY, REGISTRIES, checkTree, layOut, put } from './node-tree.ts';
import { type Keys, STORE, TEAM, makeKeys, section } from './planted.ts';

const SHARED = 'usr/share/containers';
const VENDOR = section(TEAM, 'https://vendor.example.com');
const ANYTHING = '{"default": [{"type": "insecureAcceptAnything"}]}';
const SINCE = '(clients from containers/image 5.40 on)';
const BEFORE = '(clients before containers/image 5.40)';

interface Tree {
  readonly title: string;
  readonly plant: (root: string) => Promise<unknown>;
  /** `CODE PATH` for clients before 5.40, and from 5.40 on. */
  readonly old: readonly string[];
  readonly newer: readonly string[];
}

const write = (path: string, text: string) => async (root: string) => put(join(root, path), text);
const move = (from: string, to: string) => async (root: string) => {
  await mkdir(dirname(join(root, to)), { recursive: true });
  await rename(join(root, from), join(root, to));
};

const TREES: readonly Tree[] = [
  {
    title: "the scope in a file of the distribution's too",
    plant: write(`${SHARED}/registries.d/vendor.yaml`, VENDOR),
    old: [],
    newer: [`duplicate-scope ${SHARED}/registries.d/vendor.yaml`],
  },
  {
    title: "the distribution's file under the same name",
    plant: write(`${SHARED}/registries.d/lookaside.yaml`, VENDOR),
    old: [],
    newer: [],
  },
  {
    title: 'a file for root alone with the scope',
    plant: write(`etc/containers/registries.rootful.d/a.yaml`, VENDOR),
    old: [],
    newer: [`duplicate-scope ${LOOKASIDE}`],
  },
  {
    title: 'a file for all but root with the scope',
    plant: write(`${SHARED}/registries.rootless.d/z.yaml`, VENDOR),
    old: [],
    newer: [`duplicate-scope ${SHARED}/registries.rootless.d/z.yaml`],
  },
  {
    title: 'a file for one user with another store',
    plant: write(`etc/containers/registries.rootless.d/1000/lookaside.yaml`, VENDOR),
    old: [],
    newer: [`store-differs etc/containers/registries.rootless.d/1000/lookaside.yaml`],
  },
  {
    title: "a fault in a file of the distribution's",
    plant: write(`${SHARED}/registries.d/vendor.yaml`, 'docker: ['),
    old: [],
    newer: [`registries-unreadable ${SHARED}/registries.d/vendor.yaml`],
  },
  {
    title: 'all of it below /usr/share',
    plant: async (root) => {
      await move(LOOKASIDE, `${SHARED}/registries.d/lookaside.yaml`)(root);
      await move(POLICY, `${SHARED}/policy.json`)(root);
    },
    old: [`missing-file ${POLICY}`, `missing-file ${REGISTRIES}`],
    newer: [],
  },
  {
    title: "the distribution's policy where there is none of its own",
    plant: async (root) => {
      await rm(join(root, POLICY));
      await write(`${SHARED}/policy.json`, ANYTHING)(root);
    },
    old: [`missing-file ${POLICY}`],
    newer: [`policy-scope-missing ${SHARED}/policy.json`],
  },
  {
    title: "the distribution's policy beside its own",
    plant: write(`${SHARED}/policy.json`, ANYTHING),
    old: [],
    newer: [],
  },
  {
    title: 'a link in place of a file',
    plant: async (root) => {
      await move(LOOKASIDE, 'srv/lookaside.yaml')(root);
      await symlink('/srv/lookaside.yaml', join(root, LOOKASIDE));
    },
    old: [],
    newer: [`missing-file ${REGISTRIES}`],
  },
  {
    title: 'another policy by CONTAINERS_POLICY_JSON',
    plant: async (root) => {
      await write('etc/environment', 'CONTAINERS_POLICY_JSON=/opt/policy.json\n')(root);
      await write('opt/policy.json', ANYTHING)(root);
    },
    old: [],
    newer: ['policy-scope-missing opt/policy.json'],
  },
  {
    title: 'CONTAINERS_POLICY_JSON that leads nowhere',
    plant: write('etc/environment', 'CONTAINERS_POLICY_JSON=/opt/policy.json\n'),
    old: [],
    newer: ['missing-file opt/policy.json'],
  },
  {
    title: "a user's file with a scope of its own",
    plant: write(`home/ann/.config/containers/registries.d/a.yaml`, section('q.io', STORE)),
    old: ['user-registries-hide home/ann/.config/containers/registries.d'],
    newer: [],
  },
  {
    title: "a user's copy under another name",
    plant: async (root) => {
      const copy = join(root, 'root/.config/containers/registries.d/mine.yaml');
      await mkdir(dirname(copy), { recursive: true });
      await cp(join(root, LOOKASIDE), copy);
    },
    old: [],
    newer: ['user-registries-hide root/.config/containers/registries.d'],
  },
];

describeWith(['gpg'], 'lookaside node-config, for clients from containers/image 5.40 on', () => {
  const suite = useTemporary('suite');
  const directory = useTemporary();
  let keys: Keys;
  let args: readonly string[];
  before(async () => {
    keys = await makeKeys();
    args = ['--scope', `${TEAM}=${keys.team}`, '--url', STORE];
    await layOut(suite(), [...args, '--default', 'reject']);
  });
  after(async () => keys.stop());
  beforeEach(async () => cp(suite(), directory(), { recursive: true }));

  const check = async (clients: string): Promise<readonly [string, string][]> => {
    const { findings } = await checkTree(directory(), [...args, '--clients', clients]);
    return findings.map(({ code, path, message }) => [`${code} ${path}`, message]);
  };

  for (const { title, plant, old, newer } of TREES) {
    it(`says what they, and older ones, find with ${title}`, async () => {
      await plant(directory());
      const ofNewer = await check('5.40+');
      assert.deepEqual(
        ofNewer.map(([what]) => what),
        newer,
      );
      for (const [, message] of ofNewer) assert.doesNotMatch(message, /containers\/image/);
      const all = await check('any');
      const by = (who: string) =>
        all.filter(([, text]) => text.endsWith(who)).map(([what]) => what);
      assert.deepEqual(by(BEFORE), old);
      assert.deepEqual(by(SINCE), newer);
      assert.equal(all.length, old.length + newer.length);
    });
  }

  it('writes no file with a scope that the distribution has in another', async () => {
    await write(`${SHARED}/registries.d/vendor.yaml`, VENDOR)(directory());
    const out = ['--default', 'reject', '--out', directory()];
    const { code, stderr } = await runLookaside(['node-config', ...args, ...out]);
    assert.equal(code, 2);
    assert.match(stderr, /vendor\.yaml: expected the scope "quay\.io\/team" in one file/);
  });
});
