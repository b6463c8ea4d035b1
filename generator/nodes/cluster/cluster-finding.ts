// What can keep the nodes of a cluster from verifying. The set of codes is closed: reports, the docs and
// the checks of other people rely on it.
import { toLine } from '../../terms/text.ts';
import { type NodeFinding, type NodeFindingCode, NODE_FINDINGS } from '../check/finding.ts';

/** Of the MachineConfig that stands for GENERATED; the operator writes files in base64. */
const TAKE_POLICY =
  '`oc get machineconfig GENERATED -o jsonpath=\'{.spec.config.storage.files[?(@.path=="/etc/containers/policy.json")].contents.source}\' | sed "s/^[^,]*,//" | base64 -d > policy.json`';

/**
 * Every code with its cause and its cure, in the order in which people have to act: what cannot be said,
 * what stops the operator, what it would lay out, what has not reached the nodes. Those of the files
 * themselves ({@link NODE_FINDINGS}) come with `config-missing`.
 */
export const CLUSTER_FINDINGS = {
  'hosted-cluster': {
    cause:
      'The nodes belong to NodePools, so the cluster is a hosted one: it has no pools, and its MachineConfigs are in ConfigMaps of the management cluster.',
    cure: 'Put the MachineConfig into a ConfigMap there and name it in `spec.config` of each NodePool; check a node with `--check`.',
  },
  'kind-missing': {
    cause: 'The file has no objects of a kind, so a part of the answer is missing.',
    cure: 'Print all of them: `oc get machineconfigs,machineconfigpools,images.config,clusterimagepolicies,imagepolicies,nodes -A -o json`.',
  },
  'object-unreadable': {
    cause: 'An object in the file does not have the form of its kind.',
    cure: 'Print it again with `oc get … -o json`.',
  },
  'rendered-missing': {
    cause: 'The file lacks the rendered MachineConfig of a pool or of a node.',
    cure: 'Print all MachineConfigs again; if it is gone, the machine-config operator makes a new one.',
  },
  'pool-missing': {
    cause: 'The cluster has no pool of the name that `--pool` gives.',
    cure: 'Correct `--pool`, or create the pool.',
  },
  'node-in-two-pools': {
    cause: 'A node matches two custom pools, so the machine-config operator leaves it alone.',
    cure: 'Remove the label of one of the pools from the node.',
  },
  'node-without-pool': {
    cause: 'No pool selects a node, so nobody lays out files there.',
    cure: 'Give the node the label of a pool, or install the files on it as on other hosts.',
  },
  'config-unreadable': {
    cause:
      'A MachineConfig of the pool cannot be read. The operator makes no new config for the pool.',
    cure: 'Correct the MachineConfig, or delete it.',
  },
  'render-degraded': {
    cause: 'The operator cannot make one config of the MachineConfigs of a pool.',
    cure: 'Correct or delete the MachineConfig that the message names.',
  },
  'node-degraded': {
    cause: 'A node cannot take over its config, and the pool waits for it.',
    cure: 'Look at the machine-config-daemon of the node: `oc -n openshift-machine-config-operator logs -l k8s-app=machine-config-daemon -c machine-config-daemon`.',
  },
  'pool-degraded': {
    cause: 'The pool is degraded: its nodes get nothing new.',
    cure: 'Mend what the message names.',
  },
  'config-missing': {
    cause: 'No MachineConfig of the pool has the files.',
    cure: 'Apply what `lookaside node-config --target machineconfig --pool POOL --out -` writes.',
  },
  'config-not-selected': {
    cause: 'A MachineConfig has the files, but the pool does not select it.',
    cure: 'Write it again with `--pool`, which sets the label `machineconfiguration.openshift.io/role`, and apply it.',
  },
  'operator-policy-wins': {
    cause:
      'The policy.json that the operator generates comes after the one that asks for signatures: verification is off.',
    cure: `Take the operator's policy.json (${TAKE_POLICY}), write the MachineConfig again with \`lookaside node-config --merge policy.json\`, apply it, and delete the one that loses.`,
  },
  'other-config-wins': {
    cause:
      'Another MachineConfig with the same file comes after the one that asks for signatures: verification is off.',
    cure: 'Delete the MachineConfig that wins, or remove the file from it.',
  },
  'crio-policy': {
    cause:
      'A MachineConfig tells CRI-O to go by another file than /etc/containers/policy.json, and that one does not ask for the signatures: verification is off.',
    cure: 'Remove `signature_policy` from the file of CRI-O that the message names.',
  },
  'operator-rules-lost': {
    cause:
      'The policy.json that wins lacks rules that the operator generates, or has scopes that undo them: allowed or blocked registries, or a ClusterImagePolicy, are silently off.',
    cure: `Take the operator's policy.json (${TAKE_POLICY}), write the MachineConfig again with \`--merge policy.json\`, and apply it.`,
  },
  'namespace-policy': {
    cause:
      'Pods of a namespace with an ImagePolicy are judged by a file of its own in /etc/crio/policies, which does not ask for the signatures, or will not once the operator writes it.',
    cure: 'Delete the ImagePolicy, or turn it into a ClusterImagePolicy and merge that.',
  },
  'early-name': {
    cause:
      'The name of the MachineConfig comes before that of the one that the operator generates for allowed or blocked registries and image policies.',
    cure: 'Write it again with `lookaside node-config`, which gives it a later name, and delete the old one.',
  },
  'not-rendered': {
    cause: 'The config that the pool is to have does not hold the files yet.',
    cure: 'Wait until the operator has rendered it; if it does not, look at its log.',
  },
  'pool-paused': {
    cause: 'The pool is paused: its nodes get nothing new.',
    cure: 'Let it go on: `oc patch machineconfigpool POOL --type merge -p \'{"spec":{"paused":false}}\'`.',
  },
  'node-unknown': {
    cause:
      'A node does not say which config it has, as its machine-config-daemon has not reported yet; or it is not in the file.',
    cure: 'Wait until the node is ready, or look at its machine-config-daemon.',
  },
  'node-behind': {
    cause: 'A node still has a config with which it does not verify.',
    cure: 'Wait until the pool is updated, and check again.',
  },
  'pool-updating': {
    cause: 'The nodes of the pool are being changed to another config.',
    cure: 'Wait until the pool is updated, and check again.',
  },
} as const satisfies Record<string, { cause: string; cure: string }>;

export type ClusterFindingCode = keyof typeof CLUSTER_FINDINGS;

/** Findings of the files of a pool are acted on together with these. */
const ACTED_ON_WITH: ClusterFindingCode = 'config-missing';

/**
 * A fault keeps nodes from verifying, or will; a warning is for people to judge; what is unknown is not
 * said by the file.
 */
export type ClusterSeverity = 'fault' | 'warning' | 'unknown';

/** What is wrong with a cluster. All texts are one printable line. */
export interface ClusterFinding {
  readonly code: ClusterFindingCode | NodeFindingCode;
  readonly severity: ClusterSeverity;
  readonly pool: string | undefined;
  readonly node: string | undefined;
  /** The one that has to be changed, or that wins. */
  readonly machineConfig: string | undefined;
  /** Of a file on the nodes, relative to `/`. */
  readonly path: string | undefined;
  /** As policy.json has it. */
  readonly scope: string | undefined;
  readonly message: string;
  readonly hint: string;
}

/** What a finding is about. */
export interface ClusterParticulars {
  readonly pool?: string | undefined;
  readonly node?: string | undefined;
  readonly machineConfig?: string | undefined;
  readonly path?: string | undefined;
  /** A fault unless told. */
  readonly severity?: ClusterSeverity;
  /** The code's cure unless a better one is known. */
  readonly hint?: string;
}

/** Builds a finding. */
export function createClusterFinding(
  code: ClusterFindingCode,
  message: string,
  particulars: ClusterParticulars = {},
): ClusterFinding {
  const { pool, node, machineConfig, path, severity = 'fault' } = particulars;
  const { hint = CLUSTER_FINDINGS[code].cure } = particulars;
  return {
    code,
    severity,
    pool: pool === undefined ? undefined : toLine(pool),
    node: node === undefined ? undefined : toLine(node),
    machineConfig: machineConfig === undefined ? undefined : toLine(machineConfig),
    path: path === undefined ? undefined : toLine(path),
    scope: undefined,
    message: toLine(message),
    hint: toLine(pool === undefined ? hint : hint.replaceAll('POOL', pool)),
  };
}

/** The finding of a file, told of the pool whose nodes would have it. */
export function toClusterFinding(
  { code, severity, path, scope, message, hint }: NodeFinding,
  pool: string,
  machineConfig: string | undefined,
): ClusterFinding {
  return {
    code,
    severity,
    pool: toLine(pool),
    node: undefined,
    machineConfig: machineConfig === undefined ? undefined : toLine(machineConfig),
    path,
    scope,
    message,
    hint,
  };
}

const ORDER: readonly string[] = Object.keys(CLUSTER_FINDINGS);

/** What has to be done first comes first; what is alike stays as it was. */
export function sortByAction(findings: readonly ClusterFinding[]): readonly ClusterFinding[] {
  return findings.toSorted((a, b) => rankOf(a) - rankOf(b));
}

function rankOf({ code }: ClusterFinding): number {
  return ORDER.indexOf(Object.hasOwn(NODE_FINDINGS, code) ? ACTED_ON_WITH : code);
}

/** One sentence for each thing to do, with the pools that it is for, in the order of doing. */
export function listSteps(findings: readonly ClusterFinding[]): readonly string[] {
  const pools = new Map<string, Set<string>>();
  for (const { severity, hint, pool } of sortByAction(findings)) {
    if (severity === 'warning') continue;
    const known = pools.get(hint) ?? new Set();
    if (pool !== undefined) known.add(pool);
    pools.set(hint, known);
  }
  return [...pools].map(([hint, of]) => (of.size === 0 ? hint : `${[...of].join(', ')}: ${hint}`));
}
