// What is wrong with a policy.json: by what it makes nodes ask for, not by how it is written.
import { messageOf } from '../../terms/errors.ts';
import { asSentence } from '../../terms/text.ts';
import { holdsPrivateKeyInText } from '../../openpgp/packets/private-keys.ts';
import type { Scope } from '../../policy/policy.ts';
import {
  PolicyFileError,
  type PolicyParts,
  type UnreadRequirement,
  findPrivateData,
  parsePolicyParts,
} from '../../policy/policy-json.ts';
import { isJson } from '../../terms/strict-json.ts';
import { TRANSPORTS } from '../../policy/transport-scopes.ts';
import { findNamesake, findShortPrefix, findUnmatched } from '../../policy/unmatched-scope.ts';
import { isAsStrictAs } from '../../policy/strictness.ts';
import {
  describeDifference,
  nameRequirements,
  type Difference,
  compareRequirements,
} from './compare-requirements.ts';
import { type NodeFinding, createFinding, nameScope } from './finding.ts';
import { inspectKeyStates } from './inspect-key-states.ts';
import {
  type KeyLookup,
  type PlacedKeys,
  inspectPrivacy,
  keyPathsOf,
  privateKeyAt,
  inspectKeyNotes,
  readRequirements,
} from './inspect-keys.ts';
import type { FoundContent, FoundFile } from './node-state.ts';
import { findAround, scopeChain } from '../../policy/scope-chain.ts';
import type { WantedNode } from './wanted-node.ts';

/** The faults of a policy and of the keys that it names, and what people should look at. */
export async function inspectPolicy(
  file: FoundFile,
  keyFiles: ReadonlyMap<string, FoundContent>,
  wanted: WantedNode,
): Promise<readonly NodeFinding[]> {
  const { path, found } = file;
  if (found.kind === 'missing') {
    return [createFinding('missing-file', path, 'expected a policy, got no file')];
  }
  const policy = parse(file);
  if (typeof policy === 'string') {
    const unreadable = createFinding('policy-unreadable', path, policy);
    return holdsPrivateKey(found) ? [unreadable, privateKeyAt(path)] : [unreadable];
  }
  const lookup = { policyPath: path, keyFiles };
  const findings: NodeFinding[] = [];
  for (const scope of wanted.policyScopes.values()) {
    findings.push(...(await inspectScope(scope, policy, lookup, wanted)));
  }
  return [
    ...findings,
    ...inspectPrivacy(requirementsOf(policy), lookup),
    ...(holdsPrivateKey(found) ? [privateKeyAt(path)] : []),
    ...(await inspectOthersKeys(policy, lookup, wanted)),
    ...(await inspectNarrower(policy, lookup, wanted)),
    ...(await inspectDefault(policy, lookup, wanted)),
    ...inspectUnmatched(policy, path),
  ];
}

/** The key files that a policy names, as written; none if nodes refuse it. */
export function findKeyPaths(file: FoundFile): readonly string[] {
  const policy = parse(file);
  if (typeof policy === 'string') return [];
  return [...new Set(keyPathsOf(requirementsOf(policy)))];
}

function requirementsOf({ docker, byDefault }: PolicyParts): readonly UnreadRequirement[] {
  return [...docker.values(), byDefault].flat();
}

/** For whichever transport, and whether or not nodes can read the policy. */
function holdsPrivateKey(found: FoundContent): boolean {
  if (found.kind !== 'file') return false;
  const text = Buffer.from(found.bytes).toString();
  return (
    holdsPrivateKeyInText(text) || (isJson(text) && findPrivateData(text)?.finding === 'private')
  );
}

/** The content, or why nodes refuse it. */
function parse({ found }: FoundFile): PolicyParts | string {
  if (found.kind !== 'file') {
    return `expected a file, got ${found.kind === 'missing' ? 'none' : found.reason}`;
  }
  try {
    return parsePolicyParts(Buffer.from(found.bytes).toString());
  } catch (error) {
    if (!(error instanceof PolicyFileError)) throw error;
    return messageOf(error);
  }
}

async function inspectScope(
  scope: Scope,
  policy: PolicyParts,
  lookup: KeyLookup,
  wanted: WantedNode,
): Promise<readonly NodeFinding[]> {
  const { name, requirements: wantedRequirements, signedBy } = scope;
  const { from, unread } = findRequirements(policy, name);
  const { requirements, places, findings } = await readRequirements(unread, lookup);
  const states = [...inspectKeyNotes(places), ...inspectKeyStates(places, signedBy, wanted)];
  const comparison = compareRequirements(requirements, wantedRequirements);
  const passedOver = findings.filter(({ severity }) => severity === 'warning');
  if (comparison === undefined) return [...passedOver, ...states];
  if (from !== name) {
    const got = from === undefined ? 'the default of the policy' : `those of ${nameScope(from)}`;
    const message = `expected requirements for ${nameScope(name)}, got ${got}`;
    return [createFinding('policy-scope-missing', lookup.policyPath, message, { scope: name })];
  }
  // Without its keys a requirement cannot be compared.
  if (findings.length > passedOver.length) return [...findings, ...states];
  const difference = describeDifference(comparison, scope, requirements, {
    policyPath: lookup.policyPath,
    keyPath: findKeyPath(places, comparison) ?? lookup.policyPath,
  });
  return [...passedOver, difference, ...states];
}

/** The file with a key that should not be there; else the only one. */
function findKeyPath(places: readonly PlacedKeys[], comparison: Difference): string | undefined {
  const strange = comparison.result === 'keys' ? comparison.strange : [];
  const place = places.find(({ keyring }) =>
    keyring.keys.some(({ fingerprint }) => strange.includes(fingerprint)),
  );
  return place?.path ?? (places.length === 1 ? places[0]?.path : undefined);
}

interface FoundRequirements {
  /** The scope that has them; undefined for the default of all transports. */
  readonly from: string | undefined;
  readonly unread: readonly UnreadRequirement[];
}

/** The requirements that nodes go by: those of the most specific scope, whole. */
function findRequirements({ docker, byDefault }: PolicyParts, scope: string): FoundRequirements {
  for (const from of scopeChain(scope)) {
    const unread = docker.get(from);
    if (unread) return { from, unread };
  }
  return { from: undefined, unread: byDefault };
}

/** Scopes that nobody asked for: nodes refuse all images of those whose keys they cannot read. */
async function inspectOthersKeys(
  { docker, byDefault }: PolicyParts,
  lookup: KeyLookup,
  wanted: WantedNode,
): Promise<readonly NodeFinding[]> {
  const findings: NodeFinding[] = [];
  for (const [name, unread] of new Map([['', byDefault], ...docker])) {
    if (wanted.policyScopes.has(name)) continue;
    const read = await readRequirements(unread, lookup);
    for (const { code, path, message } of read.findings) {
      // Those are told of whatever scope they are in.
      if (code === 'private-key') continue;
      const told = `${message}, for ${nameScope(name)}`;
      findings.push(createFinding(code, path, told, { scope: name, severity: 'warning' }));
    }
  }
  return findings;
}

/** Scopes of others within ours; outside all scopes they may be meant. */
async function inspectNarrower(
  { docker }: PolicyParts,
  lookup: KeyLookup,
  { policyScopes }: WantedNode,
): Promise<readonly NodeFinding[]> {
  const findings: NodeFinding[] = [];
  for (const [name, unread] of docker) {
    const around = policyScopes.has(name) ? undefined : findAround(policyScopes, name);
    if (!around) continue;
    const { requirements } = await readRequirements(unread, lookup);
    if (isAsStrictAs(requirements, around.requirements)) continue;
    const message = `expected ${nameScope(name)} as strict as ${nameScope(around.name)}, got ${nameRequirements(requirements)}`;
    const severity = around.name === '' ? 'warning' : 'fault';
    const particulars = { scope: name, severity } as const;
    findings.push(createFinding('weaker-subscope', lookup.policyPath, message, particulars));
  }
  return findings;
}

async function inspectDefault(
  policy: PolicyParts,
  lookup: KeyLookup,
  { scopes, byDefault }: WantedNode,
): Promise<readonly NodeFinding[]> {
  if (byDefault !== 'reject' || scopes.has('')) return [];
  const { requirements } = await readRequirements(findRequirements(policy, '').unread, lookup);
  if (isAsStrictAs(requirements, [{ type: 'unmeetable', what: 'rejects every image' }])) return [];
  const message = `expected reject for ${nameScope('')}, got ${nameRequirements(requirements)}`;
  return [createFinding('weaker-default', lookup.policyPath, message)];
}

/** What nodes take and never use: with a default that accepts, those images are open. */
function inspectUnmatched(
  { docker, byDefault, transports }: PolicyParts,
  path: string,
): readonly NodeFinding[] {
  const scopes = [...docker.keys()].flatMap((scope) => {
    const unmatched = findUnmatched(scope) ?? findNamesake(scope, new Set(docker.keys()));
    if (!unmatched) return [];
    const message = `expected a scope that covers images, got ${JSON.stringify(scope)}: ${unmatched.reason}`;
    const hint = asSentence(unmatched.cure);
    return createFinding('unmatched-scope', path, message, { scope, severity: 'warning', hint });
  });
  const unknown = transports.filter((name) => !TRANSPORTS.includes(name));
  const prefixes = [...docker, ['', docker.has('') ? [] : byDefault] as const].flatMap(
    ([scope, unread]) => unread.flatMap((one) => inspectPrefix(one, scope, path)),
  );
  return [
    ...scopes,
    ...prefixes,
    ...unknown.map((name) => {
      const message = `expected a transport that nodes know, got ${JSON.stringify(name)}`;
      return createFinding('unmatched-scope', path, message, { severity: 'warning' });
    }),
  ];
}

function inspectPrefix(
  requirement: UnreadRequirement,
  scope: string,
  path: string,
): readonly NodeFinding[] {
  const short =
    requirement.type === 'signedBy' ? findShortPrefix(requirement.signedIdentity) : undefined;
  if (!short) return [];
  const message = `expected requirements for ${nameScope(scope)} that a signature can meet, but ${short.reason}`;
  const hint = asSentence(short.cure);
  return [createFinding('unmatched-scope', path, message, { scope, severity: 'warning', hint })];
}
