import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { KEYS, POLICY, edit, editPolicy, put } from './node-tree.ts';
import { BOTH, type Keys, type Mistake, TEAM } from './planted.ts';

const ANYTHING = [{ type: 'insecureAcceptAnything' }];

const policy = (change: Parameters<typeof editPolicy>[1]) => (root: string) =>
  editPolicy(join(root, POLICY), change);
const write = (path: string, text: string) => (root: string) => put(join(root, path), text);

/** The requirement of the team, which is one object. */
const ofTeam = (docker: Record<string, unknown>): object => {
  const [requirement] = Array.isArray(docker[TEAM]) ? docker[TEAM] : [];
  return Object(requirement);
};

const SIGSTORE = { type: 'sigstoreSigned', keyPath: '/etc/pki/cosign.pub' };

const DOCKER = 'etc/sysconfig/docker';
const OFF = '--signature-verification';

/** Mistakes in a policy; the keys are known when the tests run. */
export const policyMistakes = (keys: () => Keys): readonly Mistake[] => [
  {
    title: 'no policy.json',
    code: 'missing-file',
    path: POLICY,
    plant: (root) => rm(join(root, POLICY)),
  },
  {
    title: 'docker of RHEL 7 as it is packaged',
    code: 'docker-verifies-nothing',
    path: DOCKER,
    plant: write(DOCKER, `# the daemon\nOPTIONS='--selinux-enabled ${OFF}=false'\n`),
  },
  {
    title: 'docker of RHEL 7 in other words',
    code: 'docker-verifies-nothing',
    path: DOCKER,
    plant: write(DOCKER, `OPTIONS="${OFF}=False"\n`),
  },
  {
    title: 'a policy.json that is no JSON',
    code: 'policy-unreadable',
    path: POLICY,
    plant: write(POLICY, '{,}'),
  },
  {
    title: 'an unknown member',
    code: 'policy-unreadable',
    path: POLICY,
    plant: policy((_docker, all) => Object.assign(all, { note: 'ours' })),
  },
  {
    title: 'a member twice',
    code: 'policy-unreadable',
    path: POLICY,
    plant: (root) => edit(join(root, POLICY), /^\{/, '{"default": [{"type": "reject"}],'),
  },
  {
    title: 'a scope that its transport does not know',
    code: 'policy-unreadable',
    path: POLICY,
    plant: policy((_docker, all) => {
      Object.assign(Object(all['transports']), { oci: { images: ANYTHING } });
    }),
  },
  {
    title: 'a directory for a policy',
    code: 'policy-unreadable',
    path: POLICY,
    plant: async (root) => {
      await rm(join(root, POLICY));
      await mkdir(join(root, POLICY));
    },
  },
  {
    title: 'a scope that is gone',
    code: 'policy-scope-missing',
    path: POLICY,
    plant: policy((docker) => delete docker[TEAM]),
  },
  {
    title: 'the requirements of a parent in its place',
    code: 'policy-scope-missing',
    path: POLICY,
    plant: policy((docker) => {
      delete docker[TEAM];
      docker['quay.io'] = ANYTHING;
    }),
  },
  {
    title: 'anything goes',
    code: 'weaker-scope',
    path: POLICY,
    plant: policy((docker) => Object.assign(docker, { [TEAM]: ANYTHING })),
  },
  {
    title: 'any key where all must have signed',
    code: 'weaker-scope',
    path: POLICY,
    plant: async (root) => {
      await copyFile(keys().both, join(root, KEYS, 'both.asc'));
      const signedBy = { type: 'signedBy', keyType: 'GPGKeys', keyPath: `/${KEYS}/both.asc` };
      await policy((docker) => Object.assign(docker, { [BOTH]: [signedBy] }))(root);
    },
  },
  {
    title: 'reject',
    code: 'stricter-scope',
    severity: 'warning',
    path: POLICY,
    plant: policy((docker) => Object.assign(docker, { [TEAM]: [{ type: 'reject' }] })),
  },
  {
    title: 'one more requirement',
    code: 'stricter-scope',
    severity: 'warning',
    path: POLICY,
    plant: policy((docker) => Object.assign(docker, { [TEAM]: [ofTeam(docker), SIGSTORE] })),
  },
  {
    title: 'sigstore signatures in their place',
    code: 'other-requirement',
    path: POLICY,
    plant: policy((docker) => Object.assign(docker, { [TEAM]: [SIGSTORE] })),
  },
  {
    title: 'another signedIdentity',
    code: 'identity-differs',
    path: POLICY,
    plant: policy((docker) =>
      Object.assign(ofTeam(docker), { signedIdentity: { type: 'matchRepository' } }),
    ),
  },
  {
    title: 'a part of a scope that takes anything',
    code: 'weaker-subscope',
    path: POLICY,
    plant: policy((docker) => Object.assign(docker, { [`${TEAM}/app`]: ANYTHING })),
  },
  {
    title: 'a registry that takes anything, outside all scopes',
    code: 'weaker-subscope',
    severity: 'warning',
    path: POLICY,
    args: ({ second }) => ['--keys', second],
    plant: policy((docker) => Object.assign(docker, { 'vendor.example': ANYTHING })),
  },
  {
    title: 'a scope that no image has',
    code: 'unmatched-scope',
    severity: 'warning',
    path: POLICY,
    plant: policy((docker) => Object.assign(docker, { 'https://quay.io/other': [SIGSTORE] })),
  },
  {
    title: 'a namespace of docker.io that is none of its official images',
    code: 'unmatched-scope',
    severity: 'warning',
    path: POLICY,
    says: [
      'expected a scope that covers images, got "docker.io/app": it covers docker.io/app/…, but not the image "app", whose name is docker.io/library/app',
      'Write "docker.io/library/app" if that image is meant.',
    ],
    plant: policy((docker) => Object.assign(docker, { 'docker.io/app': [SIGSTORE] })),
  },
  {
    title: 'a signedPrefix that no signature has',
    code: 'unmatched-scope',
    severity: 'warning',
    path: POLICY,
    says: [
      'expected requirements for "vendor.example" that a signature can meet, but the signedPrefix "mirror" is no name in full form, so nodes take no signature for images of "vendor.example"',
      'Change it in the policy to "docker.io/mirror", or to the name of another host with what stands behind it.',
    ],
    plant: policy((docker) => {
      const remap = { type: 'remapIdentity', prefix: 'vendor.example', signedPrefix: 'mirror' };
      const one = { ...ofTeam(docker), signedIdentity: remap };
      Object.assign(docker, { 'vendor.example': [one] });
    }),
  },
  {
    title: 'a transport that nodes do not know',
    code: 'unmatched-scope',
    severity: 'warning',
    path: POLICY,
    plant: policy((_docker, all) => {
      Object.assign(Object(all['transports']), { Docker: { 'quay.io/other': [SIGSTORE] } });
    }),
  },
  {
    title: 'a default that takes anything',
    code: 'weaker-default',
    path: POLICY,
    checkArgs: ['--default', 'reject'],
    plant: policy((_docker, all) => Object.assign(all, { default: ANYTHING })),
  },
  {
    title: 'a default for registries that takes anything',
    code: 'weaker-default',
    path: POLICY,
    checkArgs: ['--default', 'reject'],
    plant: policy((docker) => Object.assign(docker, { '': ANYTHING })),
  },
];
