// Everything that is wrong with a node, in one list.
import { type NodeFinding, createFinding } from './finding.ts';
import { inspectPolicy } from './inspect-policy.ts';
import { inspectRegistries } from './inspect-registries.ts';
import type { FoundConfig, NodeState, ClosedEntry } from './node-state.ts';
import type { WantedNode } from './wanted-node.ts';

const OCTAL = 8;
const MODE_DIGITS = 4;

/** The faults of a node and what people should look at, by path; each once. */
export async function inspectNode(
  { own, users, keyFiles, closed }: NodeState,
  wanted: WantedNode,
): Promise<readonly NodeFinding[]> {
  const system = new Map<string, NodeFinding>();
  const policyFindings = await inspectPolicy(own.policy, keyFiles, wanted);
  for (const finding of [
    ...inspectRegistries(own, wanted),
    ...policyFindings,
    ...inspectModes(closed),
  ]) {
    system.set(sortKeyOf(finding), finding);
  }
  const all = new Map(system);
  for (const user of users) {
    for (const finding of await inspectUser(user, keyFiles, wanted, system)) {
      all.set(sortKeyOf(finding), finding);
    }
  }
  return [...all].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, finding]) => finding);
}

function sortKeyOf({ path, code, scope = '', message }: NodeFinding): string {
  return [path, code, scope, message].join('\0');
}

/** What a user has in place of the system's files is right if it does what they should do. */
async function inspectUser(
  { policy, registries, registriesPath }: FoundConfig,
  keyFiles: NodeState['keyFiles'],
  wanted: WantedNode,
  system: ReadonlyMap<string, NodeFinding>,
): Promise<readonly NodeFinding[]> {
  const findings: NodeFinding[] = [];
  if (registries.kind !== 'missing') {
    const message = describeHiding(
      inspectRegistries({ policy, registries, registriesPath }, wanted),
      system,
    );
    if (message !== undefined)
      findings.push(createFinding('user-registries-hide', registriesPath, message));
  }
  if (policy.found.kind !== 'missing') {
    const message = describeHiding(await inspectPolicy(policy, keyFiles, wanted), system);
    if (message !== undefined)
      findings.push(createFinding('user-policy-hides', policy.path, message));
  }
  return findings;
}

/** By codes alone: no text of a user's file is shown to others. Faults of shared keys are told once. */
function describeHiding(
  findings: readonly NodeFinding[],
  system: ReadonlyMap<string, NodeFinding>,
): string | undefined {
  const own = findings.filter((finding) => {
    return finding.severity === 'fault' && !system.has(sortKeyOf(finding));
  });
  if (own.length === 0) return undefined;
  const codes = new Set(own.map(({ code }) => code));
  return `expected the same as in the system's configuration, got faults: ${[...codes].join(', ')}`;
}

/** What keeps the tools of users, who are not root, from what they read as root's do. */
function inspectModes(closed: readonly ClosedEntry[]): readonly NodeFinding[] {
  return closed.map(({ path, isDirectory, mode }) => {
    const expected = isDirectory
      ? 'a directory that is open to all users'
      : 'a file that all users may read';
    const digits = mode.toString(OCTAL).padStart(MODE_DIGITS, '0');
    const message = `expected ${expected}, got one of mode ${digits}`;
    return createFinding('not-readable-by-users', path, message, { severity: 'warning' });
  });
}
