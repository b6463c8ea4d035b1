// The policy.json that the machine-config operator writes by itself
// (pkg/controller/container-runtime-config): as soon as there are allowed or blocked registries, or image
// policies, in a MachineConfig for each pool that every cluster has.
import { PolicyFileError, parsePolicyFile } from '../../policy/policy-json.ts';
import { scopeChain } from '../../policy/scope-chain.ts';
import { type PolicyJson, readPolicyJson } from '../policy-file.ts';
import { nameGenerated } from '../targets/machine-config.ts';
import type { Cluster, ImagePolicyObject } from './cluster-objects.ts';
import { type Mergeable, ROLE_LABEL, sortForMerge } from './merge-machine-configs.ts';

/** Also as operators before 4.6 named it. */
const GENERATED = /^99-.+-(?:generated-registries|[0-9a-f-]{36}-registries)$/;
/** For others the operator generates no policy: they have that of worker. */
const BUILT_IN: ReadonlySet<string> = new Set(['master', 'worker', 'arbiter']);

/** Whether it is the MachineConfig in which the operator has a policy.json of its own. */
export function isGeneratedRegistries(name: string): boolean {
  return GENERATED.test(name);
}

/** Whether the operator's policy.json would come after a MachineConfig of the pool. */
export function comesBeforeGenerated(
  config: Pick<Mergeable, 'name' | 'labels'>,
  pool: string,
): boolean {
  const role = BUILT_IN.has(pool) ? pool : 'worker';
  const generated = { name: nameGenerated(role), labels: { [ROLE_LABEL]: role } };
  return sortForMerge([config, generated])[1] === generated;
}

/** The objects for which the operator writes a policy.json, in words; none for none. */
export function nameReasons({ image, clusterImagePolicies, imagePolicies }: Cluster): string {
  const reasons = [
    ...((image?.allowed ?? []).length > 0 ? [`allowedRegistries of ${IMAGE}`] : []),
    ...((image?.blocked ?? []).length > 0 ? [`blockedRegistries of ${IMAGE}`] : []),
    ...nameObjects('ClusterImagePolicy', clusterImagePolicies),
    ...nameObjects('ImagePolicy', imagePolicies),
  ];
  return reasons.join(', ');
}

const IMAGE = 'image.config.openshift.io/cluster';
/** Of one kind; who has more knows where to look. */
const MAX_NAMED = 5;

function nameObjects(kind: string, objects: readonly ImagePolicyObject[]): readonly string[] {
  if (objects.length === 0) return [];
  const names = objects.map(({ name, namespace }) => (namespace ? `${namespace}/${name}` : name));
  const rest = names.length > MAX_NAMED ? ', …' : '';
  return [`${kind} ${names.slice(0, MAX_NAMED).join(', ')}${rest}`];
}

/** A rule of the operator's that the policy that wins does not have, or weakens. */
export interface LostRule {
  /** '' for what holds for all other images. */
  readonly scope: string;
  /** Whether registries.conf blocks the images all the same. */
  readonly isBlockedElsewhere: boolean;
}

/**
 * The rules of a policy for images from registries that another one does not have, or has scopes that
 * undo them, as those of a registry that is no longer allowed; none if nodes refuse either.
 */
export function findLostRules(
  generatedText: string,
  winnerText: string,
  { image }: Cluster,
): readonly LostRule[] {
  const generated = parsePolicyJson(generatedText);
  const winner = parsePolicyJson(winnerText);
  if (!generated || !winner) return [];
  const rules = Object.entries({ '': generated.default, ...generated.transports['docker'] });
  const lost = rules
    .filter(([scope, wanted]) => !includesAll(findEffective(winner, scope), wanted))
    .map(([scope]) => scope);
  const open = Object.entries(winner.transports['docker'] ?? {})
    .filter(([scope, got]) => {
      return acceptsAll(got) && !includesAll(got, findEffective(generated, scope));
    })
    .map(([scope]) => scope);
  const blocked = new Set(image?.blocked);
  return [...new Set([...lost, ...open])].map((scope) => ({
    scope,
    isBlockedElsewhere: scopeChain(scope).some((around) => blocked.has(around)),
  }));
}

/** Signatures may be asked for in a registry that is not allowed: then somebody has meant it. */
function acceptsAll(requirements: RawRequirements): boolean {
  return requirements.every(({ type }) => type === 'insecureAcceptAnything');
}

/** The policy.json in a text; undefined if nodes refuse it. */
export function parsePolicyJson(text: string): PolicyJson | undefined {
  try {
    parsePolicyFile(text);
    return readPolicyJson(text);
  } catch (error) {
    if (error instanceof PolicyFileError) return undefined;
    throw error;
  }
}

type RawRequirements = PolicyJson['default'];

function findEffective(
  { default: byDefault, transports }: PolicyJson,
  scope: string,
): RawRequirements {
  const scopes = new Map(Object.entries(transports['docker'] ?? {}));
  const name = scopeChain(scope).find((candidate) => scopes.has(candidate));
  return (name === undefined ? undefined : scopes.get(name)) ?? byDefault;
}

function includesAll(got: RawRequirements, wanted: RawRequirements): boolean {
  const known = new Set(got.map(toCanonical));
  if (got.some(({ type }) => type === 'reject')) return true;
  return wanted.every(
    (one) => one['type'] === 'insecureAcceptAnything' || known.has(toCanonical(one)),
  );
}

/** The same text for the same requirement, in whatever order its members are. */
function toCanonical(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}

/**
 * The namespaces for which the operator writes a policy of their own: those with an ImagePolicy that no
 * ClusterImagePolicy leaves without a scope.
 */
export function listOwnPolicies({
  clusterImagePolicies,
  imagePolicies,
}: Cluster): readonly string[] {
  const taken = new Set(clusterImagePolicies.flatMap(({ scopes }) => scopes));
  const counting = imagePolicies.filter(({ scopes }) =>
    scopes.some((scope) => !scopeChain(scope).some((around) => taken.has(around))),
  );
  return [...new Set(counting.map(({ namespace }) => namespace))];
}
