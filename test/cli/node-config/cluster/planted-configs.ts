// States of a cluster whose MachineConfigs or policies have one thing wrong.
import {
  POLICY,
  ROLE,
  toIgnitionFile,
  toMachineConfig,
} from '../../../kit/cluster/made-cluster.ts';
import {
  type ClusterMistake,
  ACCEPT,
  SIGSTORE,
  policyOf,
  generatePolicy,
  toImagePolicy,
  renameOurs,
  findOurs,
  changeOurFiles,
  editOurPolicy,
  mergeIntoOurs,
  editOurs,
} from './cluster-mistake.ts';
import { TEAM } from './use-cluster.ts';

const STORE_FILE = '/etc/containers/registries.d/lookaside.yaml';

/** What is wrong with the configuration. */
export const CONFIG_MISTAKES: readonly ClusterMistake[] = [
  {
    title: 'a pool that never got the files',
    finds: ['config-missing fault worker'],
    exit: 1,
    worker: false,
    plant(cluster) {
      cluster.machineConfigs.delete('99-zz-worker-lookaside');
      cluster.settle();
    },
  },
  {
    title: 'a pool that does not exist',
    finds: ['pool-missing fault wroker'],
    exit: 1,
    args: ['--pool', 'wroker'],
    plant: () => undefined,
  },
  {
    title: 'a MachineConfig with the label of no pool',
    finds: ['config-not-selected fault worker'],
    exit: 1,
    says: /99-zz-worker-lookaside, which no pool selects/,
    worker: false,
    plant(cluster) {
      findOurs(cluster, 'worker').metadata.labels = { [ROLE]: 'wroker' };
      cluster.settle();
    },
  },
  {
    title: 'allowed registries whose generated policy comes after a name of 50-',
    finds: ['operator-policy-wins fault master', 'operator-policy-wins fault worker'],
    exit: 1,
    says: /50-worker-ours, got that of 99-worker-generated-registries, which is there for allowedRegistries/,
    worker: false,
    plant(cluster) {
      renameOurs(cluster, (pool) => `50-${pool}-ours`);
      cluster.image.spec.registrySources = { allowedRegistries: ['quay.io'] };
      generatePolicy(cluster, policyOf({ 'quay.io': ACCEPT }, [{ type: 'reject' }]));
      cluster.settle();
    },
  },
  {
    title: 'a ClusterImagePolicy whose generated policy comes after a name of 51-',
    finds: ['operator-policy-wins fault master', 'operator-policy-wins fault worker'],
    exit: 1,
    says: /ClusterImagePolicy openshift/,
    worker: false,
    plant(cluster) {
      renameOurs(cluster, (pool) => `51-${pool}-ours`);
      cluster.others.push(toImagePolicy('ClusterImagePolicy', 'openshift', undefined));
      generatePolicy(cluster, policyOf({ 'quay.io/others': SIGSTORE }));
      cluster.settle();
    },
  },
  {
    title: 'a name that a generated policy would come after',
    finds: ['early-name warning master', 'early-name warning worker'],
    exit: 0,
    worker: true,
    plant(cluster) {
      renameOurs(cluster, (pool) => `50-${pool}-ours`);
      cluster.settle();
    },
  },
  {
    title: 'such a name, and blocked registries that the operator has not seen yet',
    finds: ['early-name fault master', 'early-name fault worker'],
    exit: 1,
    says: /blockedRegistries/,
    worker: true,
    plant(cluster) {
      renameOurs(cluster, (pool) => `50-${pool}-ours`);
      cluster.image.spec.registrySources = { blockedRegistries: ['bad.example'] };
      cluster.settle();
    },
  },
  {
    title: 'allowed registries that our policy undoes',
    finds: ['operator-rules-lost fault master', 'operator-rules-lost fault worker'],
    exit: 1,
    says: /the default/,
    worker: true,
    plant(cluster) {
      cluster.image.spec.registrySources = { allowedRegistries: ['quay.io'] };
      generatePolicy(cluster, policyOf({ 'quay.io': ACCEPT }, [{ type: 'reject' }]));
      cluster.settle();
    },
  },
  {
    title: 'blocked registries that registries.conf blocks all the same',
    finds: ['operator-rules-lost warning master', 'operator-rules-lost warning worker'],
    exit: 0,
    worker: true,
    plant(cluster) {
      cluster.image.spec.registrySources = { blockedRegistries: ['bad.example'] };
      generatePolicy(cluster, policyOf({ 'bad.example': [{ type: 'reject' }] }));
      cluster.settle();
    },
  },
  {
    title: 'a registry that is no longer allowed and that our policy still accepts',
    finds: ['operator-rules-lost fault worker'],
    exit: 1,
    hints: /oc get machineconfig 99-worker-generated-registries -o/,
    says: /or weaker ones, for "docker\.io"$/m,
    worker: true,
    plant(cluster) {
      cluster.image.spec.registrySources = { allowedRegistries: ['quay.io'] };
      const now = { 'quay.io': ACCEPT };
      const before = { ...now, 'docker.io': ACCEPT };
      for (const pool of ['master', 'worker']) {
        mergeIntoOurs(cluster, pool, pool === 'master' ? now : before);
      }
      generatePolicy(cluster, policyOf(now, [{ type: 'reject' }]));
      cluster.settle();
    },
  },
  {
    title: 'a ClusterImagePolicy that our policy undoes',
    finds: ['operator-rules-lost fault master', 'operator-rules-lost fault worker'],
    exit: 1,
    says: /quay\.io\/others/,
    plant(cluster) {
      cluster.others.push(toImagePolicy('ClusterImagePolicy', 'others', undefined));
      generatePolicy(cluster, policyOf({ 'quay.io/others': SIGSTORE }));
      cluster.settle();
    },
  },
  {
    title: 'a namespace with an ImagePolicy',
    finds: ['namespace-policy fault master', 'namespace-policy fault worker'],
    exit: 1,
    says: /namespace shop/,
    worker: false,
    plant(cluster) {
      cluster.others.push(toImagePolicy('ImagePolicy', 'mine', 'shop'));
      const policy = policyOf({ 'quay.io/others': SIGSTORE });
      generatePolicy(cluster, JSON.stringify({ default: ACCEPT }), {
        '/etc/crio/policies/shop.json': policy,
      });
      cluster.settle();
    },
  },
  {
    title: 'an ImagePolicy that the operator has not seen yet',
    finds: ['namespace-policy warning master', 'namespace-policy warning worker'],
    exit: 0,
    says: /namespace shop has an ImagePolicy/,
    worker: true,
    plant(cluster) {
      cluster.others.push(toImagePolicy('ImagePolicy', 'mine', 'shop'));
    },
  },
  {
    title:
      'a ClusterImagePolicy for our own scope, which the operator writes into registries.d too',
    finds: ['duplicate-scope fault worker'],
    exit: 1,
    says: /got it in etc\/containers\/registries\.d\/lookaside\.yaml too/,
    hints: /take the scope out of that object/,
    worker: false,
    plant(cluster) {
      cluster.others.push(toImagePolicy('ClusterImagePolicy', 'team', undefined));
      const sections = `docker:\n  ${TEAM}:\n    use-sigstore-attachments: true\n`;
      const config = toMachineConfig('99-worker-generated-registries', 'worker', [
        toIgnitionFile('/etc/containers/registries.d/sigstore-registries.yaml', sections),
      ]);
      cluster.put(config);
      cluster.settle();
    },
  },
  {
    title: 'an ImagePolicy whose only scope a ClusterImagePolicy has taken',
    finds: [],
    exit: 0,
    worker: true,
    plant(cluster) {
      cluster.others.push(
        toImagePolicy('ImagePolicy', 'mine', 'shop'),
        toImagePolicy('ClusterImagePolicy', 'others', undefined),
      );
      const rules = { 'quay.io/others': SIGSTORE };
      for (const pool of ['master', 'worker']) mergeIntoOurs(cluster, pool, rules, ACCEPT);
      generatePolicy(cluster, policyOf(rules));
      cluster.settle();
    },
  },
  {
    title: 'CRI-O that is told to go by another policy, which accepts everything',
    finds: ['crio-policy fault worker'],
    exit: 1,
    says: /signature_policy = "\/etc\/crio\/open\.json" in etc\/crio\/crio\.conf\.d\/99-open\.conf/,
    worker: false,
    plant(cluster) {
      cluster.put(
        toMachineConfig('50-crio', 'worker', [
          toIgnitionFile('/etc/crio/open.json', policyOf({})),
          toIgnitionFile(
            '/etc/crio/crio.conf.d/99-open.conf',
            '[crio.image]\nsignature_policy = "/etc/crio/open.json"\n',
          ),
        ]),
      );
      cluster.settle();
    },
  },
  {
    title: "a policy.json in root's home, which CRI-O prefers",
    finds: ['user-policy-hides fault worker'],
    exit: 1,
    says: /policy-scope-missing/,
    worker: false,
    plant(cluster) {
      const file = toIgnitionFile('/root/.config/containers/policy.json', policyOf({}));
      cluster.put(toMachineConfig('50-root', 'worker', [file]));
      cluster.settle();
    },
  },
  {
    title: 'a MachineConfig of somebody else with a policy.json and a later name',
    finds: ['other-config-wins fault worker'],
    exit: 1,
    says: /got that of zz-hardening/,
    worker: false,
    plant(cluster) {
      cluster.put(
        toMachineConfig('zz-hardening', 'worker', [toIgnitionFile(POLICY, policyOf({}))]),
      );
      cluster.settle();
    },
  },
  {
    title: "a name of 00-, which the operator's own templates come after",
    finds: ['other-config-wins fault master', 'other-config-wins fault worker'],
    exit: 1,
    says: /00-worker-ours, got that of 01-worker-container-runtime/,
    worker: false,
    plant(cluster) {
      renameOurs(cluster, (pool) => `00-${pool}-ours`);
      cluster.settle();
    },
  },
  {
    title: "a custom pool's own policy.json, whose name comes first and which wins all the same",
    finds: ['other-config-wins fault infra'],
    exit: 1,
    says: /99-zz-worker-lookaside, got that of 10-infra/,
    plant(cluster) {
      cluster.addCustomPool('infra');
      cluster.put(toMachineConfig('10-infra', 'infra', [toIgnitionFile(POLICY, policyOf({}))]));
      cluster.settle();
    },
  },
  {
    title: 'a registries.d of somebody else at our path',
    finds: ['other-config-wins fault worker'],
    exit: 1,
    says: /registries\.d\/lookaside\.yaml of 99-zz-worker-lookaside/,
    plant(cluster) {
      const store = `docker:\n  ${TEAM}:\n    lookaside: https://x.example\n    sigstore: https://x.example\n`;
      cluster.put(toMachineConfig('zz-store', 'worker', [toIgnitionFile(STORE_FILE, store)]));
      cluster.settle();
    },
  },
  {
    title: 'our scope in a second file of registries.d',
    finds: ['duplicate-scope fault worker'],
    exit: 1,
    plant(cluster) {
      const file = toIgnitionFile(
        '/etc/containers/registries.d/more.yaml',
        `docker:\n  ${TEAM}: {}\n`,
      );
      cluster.put(toMachineConfig('80-more', 'worker', [file]));
      cluster.settle();
    },
  },
  {
    title: 'manifests that name another store',
    finds: ['store-differs fault master', 'store-differs fault worker'],
    exit: 1,
    says: /old\.example\.com/,
    worker: false,
    plant(cluster, { otherStore }) {
      cluster.apply(otherStore);
      cluster.settle();
    },
  },
  {
    title: 'manifests with another key',
    finds: ['wrong-keys fault master', 'wrong-keys fault worker'],
    exit: 1,
    worker: false,
    plant(cluster, { otherKey }) {
      cluster.apply(otherKey);
      cluster.settle();
    },
  },
  {
    title: 'a policy that accepts everything of the scope',
    finds: ['weaker-scope fault worker'],
    exit: 1,
    worker: false,
    plant(cluster) {
      editOurPolicy(cluster, (docker) => {
        docker[TEAM] = ACCEPT;
      });
      cluster.settle();
    },
  },
  {
    title: 'a policy that accepts a part of the scope',
    finds: ['weaker-subscope fault worker'],
    exit: 1,
    plant(cluster) {
      editOurPolicy(cluster, (docker) => {
        docker[`${TEAM}/open`] = ACCEPT;
      });
      cluster.settle();
    },
  },
  {
    title: 'a policy that nodes refuse',
    finds: ['policy-unreadable fault worker'],
    exit: 1,
    plant(cluster) {
      editOurs(cluster, POLICY, (text) => text.slice(0, -3));
      cluster.settle();
    },
  },
  {
    title: 'a link in place of a key file',
    finds: ['other-config-wins fault worker'],
    exit: 1,
    says: /a symbolic link/,
    plant(cluster) {
      const config = toMachineConfig('zz-links', 'worker', []);
      const path = '/etc/pki/containers/lookaside-quay.io-team.asc';
      config.spec.config = {
        ignition: { version: '3.2.0' },
        storage: { links: [{ path, target: '/dev/null' }] },
      };
      cluster.put(config);
      cluster.settle();
    },
  },
  {
    title: 'a default that accepts what --default rejects',
    finds: ['weaker-default fault master', 'weaker-default fault worker'],
    exit: 1,
    args: ['--default', 'reject'],
    plant: () => undefined,
  },
  {
    title: 'files that only root may read',
    finds: ['not-readable-by-users warning worker'],
    exit: 0,
    worker: true,
    plant(cluster) {
      changeOurFiles(findOurs(cluster, 'worker'), ({ path, contents }) => ({
        path,
        mode: path === POLICY ? 0o600 : 0o644,
        contents,
      }));
      cluster.settle();
    },
  },
  {
    title: 'a MachineConfig that the operator cannot read',
    finds: ['config-unreadable fault worker', 'render-degraded fault worker'],
    exit: 1,
    says: /99-broken: config\.ignition\.version/,
    worker: true,
    plant(cluster) {
      const broken = toMachineConfig('99-broken', 'worker', []);
      broken.spec.config = { ignition: { version: '4.0.0' } };
      cluster.put(broken);
      const statuses = { Updated: 'True', RenderDegraded: 'True', Degraded: 'True' };
      cluster.setConditions('worker', statuses, 'parsing Ignition config failed: unknown version');
    },
  },
];
