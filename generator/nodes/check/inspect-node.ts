// Everything that is wrong with a node, in one list.
import { type NodeFinding, createFinding } from './finding.ts';
import { inspectPolicy } from './inspect-policy.ts';
import { inspectRegistries } from './inspect-registries.ts';
import type { ClosedEntry, FoundConfig, FoundFile, NodeState } from './node-state.ts';
import type { WantedNode } from './wanted-node.ts';

const OCTAL = 8;
const MODE_DIGITS = 4;

type Findings = ReadonlyMap<string, NodeFinding>;

const BEFORE = 'clients before containers/image 5.40';
const SINCE = 'clients from containers/image 5.40 on';

/** The faults of a node and what people should look at, by path; each once. */
export async function inspectNode(
  { own, users, keyFiles, newer, closed, docker }: NodeState,
  wanted: WantedNode,
): Promise<readonly NodeFinding[]> {
  const policies = new PolicyInspector(keyFiles, wanted);
  const isNewOnly = wanted.clients === '5.40+';
  const old = isNewOnly ? undefined : await inspectAll([own], users, policies, wanted);
  const current = await inspectAll(newer.system, newer.users, policies, wanted);
  const ofBoth = [...inspectModes(closed), ...(docker ? inspectDocker(docker) : [])];
  const all = new Map(ofBoth.map((finding) => [sortKeyOf(finding), finding]));
  for (const [key, finding] of new Map([...current, ...(old ?? [])])) {
    const isOfBoth = !old || (old.has(key) && current.has(key));
    all.set(key, isOfBoth ? finding : sayWho(finding, old.has(key) ? BEFORE : SINCE));
  }
  return [...all].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, finding]) => finding);
}

function sayWho(finding: NodeFinding, who: string): NodeFinding {
  return { ...finding, message: `${finding.message} (${who})` };
}

/** What is wrong for one kind of clients. */
async function inspectAll(
  configs: readonly FoundConfig[],
  users: readonly FoundConfig[],
  policies: PolicyInspector,
  wanted: WantedNode,
): Promise<Findings> {
  const system = new Map<string, NodeFinding>();
  for (const config of configs) {
    const found = [
      ...inspectRegistries(config, wanted),
      ...(await policies.inspect(config.policy)),
    ];
    for (const finding of found) system.set(sortKeyOf(finding), finding);
  }
  const all = new Map(system);
  for (const user of users) {
    for (const finding of await inspectUser(user, policies, wanted, system)) {
      all.set(sortKeyOf(finding), finding);
    }
  }
  return all;
}

/** Inspects each policy once: old and new clients mostly read the same. */
class PolicyInspector {
  readonly #keyFiles: NodeState['keyFiles'];
  readonly #wanted: WantedNode;
  readonly #byPath = new Map<string, Promise<readonly NodeFinding[]>>();

  constructor(keyFiles: NodeState['keyFiles'], wanted: WantedNode) {
    this.#keyFiles = keyFiles;
    this.#wanted = wanted;
  }

  async inspect(policy: FoundFile): Promise<readonly NodeFinding[]> {
    const known = this.#byPath.get(policy.path);
    const findings = known ?? inspectPolicy(policy, this.#keyFiles, this.#wanted);
    this.#byPath.set(policy.path, findings);
    return findings;
  }
}

function sortKeyOf({ path, code, scope = '', message }: NodeFinding): string {
  return [path, code, scope, message].join('\0');
}

/** What a user has in place of the system's files is right if it does what they should do. */
async function inspectUser(
  { policy, registries, registriesPath }: FoundConfig,
  policies: PolicyInspector,
  wanted: WantedNode,
  system: Findings,
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
    const message = describeHiding(await policies.inspect(policy), system);
    if (message !== undefined)
      findings.push(createFinding('user-policy-hides', policy.path, message));
  }
  return findings;
}

/** By codes alone: no text of a user's file is shown to others. Faults of shared keys are told once. */
function describeHiding(findings: readonly NodeFinding[], system: Findings): string | undefined {
  const own = findings.filter((finding) => {
    return finding.severity === 'fault' && !system.has(sortKeyOf(finding));
  });
  if (own.length === 0) return undefined;
  const codes = new Set(own.map(({ code }) => code));
  return `expected the same as in the system's configuration, got faults: ${[...codes].join(', ')}`;
}

/** A value of the option that Go's strconv.ParseBool takes for false, outside a comment. */
const VERIFIES_NOTHING = /^[^#\n]*--signature-verification=(?:0|f|F|false|FALSE|False)\b/m;

/** Docker of RHEL 7 goes by policy.json, unless its packaged options tell it not to. */
function inspectDocker({ path, found }: FoundFile): readonly NodeFinding[] {
  if (found.kind !== 'file') return [];
  const isOff = VERIFIES_NOTHING.test(Buffer.from(found.bytes).toString());
  const message = 'expected docker to verify signatures, got --signature-verification=false';
  return isOff ? [createFinding('docker-verifies-nothing', path, message)] : [];
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
