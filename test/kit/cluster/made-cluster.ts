// A cluster of OpenShift as `oc get … -o json` shows it, made by the rules of the machine-config operator.
import { createHash } from 'node:crypto';
import { parseAllDocuments } from 'yaml';
import {
  type IgnitionConfig,
  type IgnitionFile,
  type MachineConfigObject,
  mergeAsOperator,
} from './merge-as-operator.ts';

export const MACHINES = 'machineconfiguration.openshift.io';
export const ROLE = `${MACHINES}/role`;
export const POLICY = '/etc/containers/policy.json';

/** As the operator's own templates have it. */
const TEMPLATE_POLICY = JSON.stringify({
  default: [{ type: 'insecureAcceptAnything' }],
  transports: { 'docker-daemon': { '': [{ type: 'insecureAcceptAnything' }] } },
});

export interface PoolObject {
  readonly apiVersion: string;
  readonly kind: 'MachineConfigPool';
  metadata: { name: string };
  spec: {
    machineConfigSelector: object;
    nodeSelector: object;
    paused: boolean;
    configuration: { name: string };
  };
  status: {
    configuration: { name: string };
    machineCount: number;
    updatedMachineCount: number;
    conditions: { type: string; status: string; reason?: string; message?: string }[];
  };
}

export interface NodeObject {
  readonly apiVersion: 'v1';
  readonly kind: 'Node';
  metadata: { name: string; labels: Record<string, string>; annotations: Record<string, string> };
}

/** A file as the operator writes it: with escapes. */
export function toIgnitionFile(path: string, content: string, mode = 0o644): IgnitionFile {
  return {
    path,
    mode,
    overwrite: true,
    contents: { source: `data:,${encodeURIComponent(content)}`, compression: '' },
  };
}

/** A MachineConfig; without a role, one that no pool of these selects. */
export function toMachineConfig(
  name: string,
  role: string | undefined,
  files: readonly IgnitionFile[],
): MachineConfigObject {
  return {
    apiVersion: `${MACHINES}/v1`,
    kind: 'MachineConfig',
    metadata: { name, labels: role === undefined ? {} : { [ROLE]: role } },
    spec: { config: { ignition: { version: '3.2.0' }, storage: { files } } },
  };
}

/** The objects of a cluster, to be changed as people and operators change them. */
export class MadeCluster {
  readonly machineConfigs = new Map<string, MachineConfigObject>();
  readonly pools = new Map<string, PoolObject>();
  readonly nodes = new Map<string, NodeObject>();
  /** As operators once did, whatever the roles. */
  mergesByNameAlone = false;
  /** Of all other kinds. */
  readonly others: object[] = [];
  image: { spec: { registrySources?: object } } & Record<string, unknown> = {
    apiVersion: 'config.openshift.io/v1',
    kind: 'Image',
    metadata: { name: 'cluster' },
    spec: {},
  };

  constructor() {
    for (const pool of ['master', 'worker']) {
      this.put(
        toMachineConfig(`01-${pool}-container-runtime`, pool, [
          toIgnitionFile(POLICY, TEMPLATE_POLICY),
          toIgnitionFile('/etc/crio/crio.conf.d/00-default', '[crio]\n'),
        ]),
      );
      this.addPool(pool, { matchLabels: { [ROLE]: pool } });
    }
  }

  put(config: MachineConfigObject): void {
    this.machineConfigs.set(config.metadata.name, config);
  }

  /** Adds a pool of two nodes. */
  addPool(name: string, machineConfigSelector: object, nodes = 2): void {
    this.pools.set(name, {
      apiVersion: `${MACHINES}/v1`,
      kind: 'MachineConfigPool',
      metadata: { name },
      spec: {
        machineConfigSelector,
        nodeSelector: { matchLabels: { [`node-role.kubernetes.io/${name}`]: '' } },
        paused: false,
        configuration: { name: '' },
      },
      status: {
        configuration: { name: '' },
        machineCount: nodes,
        updatedMachineCount: nodes,
        conditions: [],
      },
    });
    for (let number = 0; number < nodes; number += 1) this.addNode(`${name}-${number}`, name);
  }

  /** Adds a custom pool, which gets what workers get. */
  addCustomPool(name: string): void {
    this.addPool(name, {
      matchExpressions: [{ key: ROLE, operator: 'In', values: ['worker', name] }],
    });
    for (const node of this.nodesOf(name)) {
      node.metadata.labels['node-role.kubernetes.io/worker'] = '';
    }
  }

  addNode(name: string, role: string): void {
    this.nodes.set(name, {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: {
        name,
        labels: { [`node-role.kubernetes.io/${role}`]: '', 'kubernetes.io/os': 'linux' },
        annotations: {},
      },
    });
  }

  nodesOf(pool: string): readonly NodeObject[] {
    return [...this.nodes.values()].filter(({ metadata: { name } }) => name.startsWith(`${pool}-`));
  }

  pool(name: string): PoolObject {
    const pool = this.pools.get(name);
    if (!pool) throw new Error(`no pool ${name}`);
    return pool;
  }

  /** `oc apply -f`. */
  apply(manifests: string): void {
    for (const document of parseAllDocuments(manifests)) {
      const config: MachineConfigObject = document.toJS();
      this.put(config);
    }
  }

  /** What the operator renders for a pool now; nodes stay on what they have. */
  render(pool: string): string {
    const roles = pool === 'master' || pool === 'worker' ? [pool] : ['worker', pool];
    const selected = [...this.machineConfigs.values()].filter(({ metadata: { labels } }) =>
      roles.includes(labels?.[ROLE] ?? ''),
    );
    const config: IgnitionConfig = mergeAsOperator(selected, this.mergesByNameAlone);
    const digest = createHash('sha256').update(JSON.stringify(config)).digest('hex').slice(0, 32);
    const name = `rendered-${pool}-${digest}`;
    this.machineConfigs.set(name, {
      apiVersion: `${MACHINES}/v1`,
      kind: 'MachineConfig',
      metadata: { name },
      spec: { config },
    });
    this.pool(pool).spec.configuration.name = name;
    return name;
  }

  /** Renders all pools, and lets all nodes take it over. */
  settle(): this {
    for (const [name, pool] of this.pools) {
      const config = this.render(name);
      pool.status.configuration.name = config;
      pool.status.updatedMachineCount = pool.status.machineCount;
      this.setConditions(name, { Updated: 'True', Updating: 'False', Degraded: 'False' });
      for (const node of this.nodesOf(name)) this.setNode(node, config, config, 'Done');
    }
    return this;
  }

  setNode(node: NodeObject, current: string, desired: string, state: string): void {
    Object.assign(node.metadata.annotations, {
      [`${MACHINES}/currentConfig`]: current,
      [`${MACHINES}/desiredConfig`]: desired,
      [`${MACHINES}/state`]: state,
    });
  }

  setConditions(pool: string, statuses: Readonly<Record<string, string>>, message = ''): void {
    this.pool(pool).status.conditions = Object.entries(statuses).map(([type, status]) => ({
      type,
      status,
      reason: '',
      message: status === 'True' && type.endsWith('Degraded') ? message : '',
    }));
  }

  items(): readonly object[] {
    return [
      ...this.machineConfigs.values(),
      ...this.pools.values(),
      this.image,
      ...this.others,
      ...this.nodes.values(),
    ];
  }

  /** As `oc get … -o json` prints it. */
  print(items = this.items()): string {
    return JSON.stringify({ apiVersion: 'v1', kind: 'List', items, metadata: {} }, null, 4);
  }
}
