// The objects of a cluster that decide which files its nodes have, as `oc get … -o json` prints them
// (openshift/api machineconfiguration/v1 and config/v1). All of it is untrusted; members that nobody
// asks about are not looked at.
import { z } from 'zod';
import { toLine } from '../../terms/text.ts';
import { ClusterFileError, type PrintedObject } from './cluster-file.ts';
import { type Labels, type LabelSelector, labelSelectorSchema } from './label-selector.ts';

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');
const labels = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value): Labels => value ?? {});
const texts = z
  .array(z.string())
  .nullish()
  .transform((value) => value ?? []);
const count = z
  .int()
  .nonnegative()
  .nullish()
  .transform((value) => value ?? 0);
const selector = labelSelectorSchema.nullish().transform((value): LabelSelector => value ?? {});
/** Of objects as Kubernetes takes them (RFC 1123, subdomain): some go into commands that people paste. */
const objectName = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'expected a name of Kubernetes');
const metadata = z.object({ name: objectName, labels, annotations: labels });
const reference = z
  .object({ name: text })
  .nullish()
  .transform((value) => value?.name ?? '');

const condition = z.object({ type: z.string(), status: text, reason: text, message: text });

const poolSchema = z
  .object({
    metadata,
    spec: z.object({
      machineConfigSelector: selector,
      nodeSelector: selector,
      paused: z.boolean().nullish(),
      configuration: reference,
    }),
    status: z
      .object({
        configuration: reference,
        machineCount: count,
        updatedMachineCount: count,
        conditions: z
          .array(condition)
          .nullish()
          .transform((value) => value ?? []),
      })
      .nullish(),
  })
  .transform(({ metadata: { name }, spec, status }) => ({
    name,
    ...spec,
    paused: spec.paused === true,
    /** Undefined before the operator has seen the pool. */
    status: status ?? undefined,
  }));

const machineConfigSchema = z
  .object({ metadata, spec: z.object({ config: z.unknown() }).nullish() })
  .transform((config) => ({
    name: config.metadata.name,
    labels: config.metadata.labels,
    annotations: config.metadata.annotations,
    /** The Ignition config, untrusted. */
    config: config.spec?.config,
  }));

/** What the names of the daemon's annotations begin with. */
const DAEMON = 'machineconfiguration.openshift.io/';

const nodeSchema = z
  .object({ metadata })
  .transform(({ metadata: { name, labels: own, annotations } }) => ({
    name,
    labels: own,
    currentConfig: annotations[`${DAEMON}currentConfig`] ?? '',
    desiredConfig: annotations[`${DAEMON}desiredConfig`] ?? '',
    state: annotations[`${DAEMON}state`] ?? '',
    reason: annotations[`${DAEMON}reason`] ?? '',
  }));

const imageSchema = z
  .object({
    metadata,
    spec: z
      .object({
        registrySources: z.object({ allowedRegistries: texts, blockedRegistries: texts }).nullish(),
      })
      .nullish(),
  })
  .transform(({ spec }) => ({
    allowed: spec?.registrySources?.allowedRegistries ?? [],
    blocked: spec?.registrySources?.blockedRegistries ?? [],
  }));

const imagePolicySchema = z
  .object({ metadata: metadata.extend({ namespace: text }), spec: z.object({ scopes: texts }) })
  .transform(({ metadata: { name, namespace }, spec }) => ({
    name,
    namespace,
    scopes: spec.scopes,
  }));

export type Pool = z.output<typeof poolSchema>;
export type MachineConfig = z.output<typeof machineConfigSchema>;
export type ClusterNode = z.output<typeof nodeSchema>;
export type ImageConfig = z.output<typeof imageSchema>;
export type ImagePolicyObject = z.output<typeof imagePolicySchema>;

const MACHINES = 'machineconfiguration.openshift.io';
const CONFIG = 'config.openshift.io';

/** The kinds that are read, by their group of the API; other groups have some of the same name. */
const GROUPS = {
  MachineConfigPool: MACHINES,
  MachineConfig: MACHINES,
  Node: '',
  Image: CONFIG,
  ClusterImagePolicy: CONFIG,
  ImagePolicy: CONFIG,
} as const;

export type ClusterKind = keyof typeof GROUPS;

/** An object that does not have the form of its kind, and why. */
export interface UnreadableObject {
  readonly kind: ClusterKind;
  readonly name: string;
  readonly reason: string;
}

/** What a file says of a cluster. Of two objects of the same name the later one counts. */
export interface Cluster {
  /** By name, as the nodes are. */
  readonly pools: readonly Pool[];
  readonly machineConfigs: ReadonlyMap<string, MachineConfig>;
  readonly nodes: readonly ClusterNode[];
  readonly image: ImageConfig | undefined;
  readonly clusterImagePolicies: readonly ImagePolicyObject[];
  readonly imagePolicies: readonly ImagePolicyObject[];
  /** Kinds of which the file has an object, readable or not. */
  readonly kinds: ReadonlySet<ClusterKind>;
  readonly unreadable: readonly UnreadableObject[];
  /** How many objects of other kinds there are, by kind. */
  readonly ignored: ReadonlyMap<string, number>;
}

const named = z.object({
  metadata: z.object({ name: z.string(), namespace: z.string().nullish() }),
});

/** Objects of one kind, as they are read. */
class Collected<Value> {
  readonly byName = new Map<string, Value>();
  readonly #schema: z.ZodType<Value>;

  constructor(schema: z.ZodType<Value>) {
    this.#schema = schema;
  }

  /** Takes an object, or says why it cannot. */
  add(name: string, untrusted: unknown): string | undefined {
    const result = this.#schema.safeParse(untrusted);
    if (result.success) {
      this.byName.set(name, result.data);
      return undefined;
    }
    const [issue] = result.error.issues;
    return `${issue?.path.join('.') || 'the object'}: ${issue?.message}`;
  }

  /** In the order of their names. */
  list(): readonly Value[] {
    return [...this.byName].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
  }
}

/** Honest clusters have some ten. */
const MAX_POOLS = 1000;

/**
 * Sorts printed objects by what they are.
 * @throws ClusterFileError for more pools than any cluster has.
 */
export function readCluster(objects: readonly PrintedObject[]): Cluster {
  const found = {
    MachineConfigPool: new Collected(poolSchema),
    MachineConfig: new Collected(machineConfigSchema),
    Node: new Collected(nodeSchema),
    Image: new Collected(imageSchema),
    ClusterImagePolicy: new Collected(imagePolicySchema),
    ImagePolicy: new Collected(imagePolicySchema),
  };
  const kinds = new Set<ClusterKind>();
  const unreadable: UnreadableObject[] = [];
  const ignored = new Map<string, number>();
  for (const { kind, group, untrusted } of objects) {
    if (!isClusterKind(kind) || GROUPS[kind] !== group) {
      const word = toLine(kind);
      ignored.set(word, (ignored.get(word) ?? 0) + 1);
      continue;
    }
    kinds.add(kind);
    const name = nameOfObject(untrusted);
    const reason = found[kind].add(name, untrusted);
    if (reason !== undefined) unreadable.push({ kind, name, reason });
  }
  const pools = found.MachineConfigPool.list();
  if (pools.length > MAX_POOLS) {
    throw new ClusterFileError(`expected at most ${MAX_POOLS} pools, got ${pools.length}`);
  }
  return {
    pools,
    machineConfigs: found.MachineConfig.byName,
    nodes: found.Node.list(),
    image: found.Image.byName.get('cluster'),
    clusterImagePolicies: found.ClusterImagePolicy.list(),
    imagePolicies: found.ImagePolicy.list(),
    kinds,
    unreadable,
    ignored,
  };
}

function isClusterKind(kind: string): kind is ClusterKind {
  return Object.hasOwn(GROUPS, kind);
}

/** The name, with its namespace if it has one; '' for none. */
function nameOfObject(untrusted: unknown): string {
  const result = named.safeParse(untrusted);
  if (!result.success) return '';
  const { name, namespace } = result.data.metadata;
  return namespace ? `${namespace}/${name}` : name;
}
