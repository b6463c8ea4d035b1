// What is wrong with a registries.d: by what it makes nodes do, not by how it is written.
import { type CollectedSections, collectSections } from './collect-sections.ts';
import { type NodeFinding, createFinding, nameScope } from './finding.ts';
import { READ_MEMBERS, storeIn } from './find-store.ts';
import { judgeStore, inspectStore } from './inspect-store.ts';
import type { FoundConfig } from './node-state.ts';
import { findAround } from '../../policy/scope-chain.ts';
import { storeOf } from '../registries-d.ts';
import type { WantedNode } from './wanted-node.ts';

/** The faults of a registries.d, and what people should look at. */
export function inspectRegistries(
  { registries, registriesPath }: FoundConfig,
  wanted: WantedNode,
): readonly NodeFinding[] {
  if (registries.kind === 'unreadable') {
    const message = `expected a directory, got ${registries.reason}`;
    return [createFinding('registries-unreadable', registriesPath, message)];
  }
  const files = registries.kind === 'missing' ? [] : registries.files;
  const collected = collectSections(files, new Set(wanted.scopes.keys()), wanted.clients);
  const { sections, doubled } = collected;
  const inspected = [...wanted.scopes.values()]
    .filter(({ name }) => !doubled.has(name))
    .map((scope) => inspectStore(scope, sections, wanted, registriesPath));
  const lost = inspected.flatMap((one) => one.lost ?? []);
  return [
    ...collected.findings,
    ...inspected.flatMap(({ findings }) => findings),
    ...inspectNarrower(collected, wanted),
    ...inspectIgnored(collected, lost),
    ...reportLost(collected, lost, registriesPath),
  ];
}

/** Sections of others for a part of a scope; outside all scopes they may be meant. */
function inspectNarrower(
  { sections, doubled }: CollectedSections,
  wanted: WantedNode,
): readonly NodeFinding[] {
  const { current, old } = READ_MEMBERS;
  const clients = wanted.clients === 'any' ? [current, old] : [current];
  const findings: NodeFinding[] = [];
  for (const [name, section] of sections) {
    const around = wanted.scopes.has(name) ? undefined : findAround(wanted.scopes, name);
    if (!around || doubled.has(name)) continue;
    for (const members of clients) {
      const found = storeIn(section, name, members);
      const fault = found && judgeStore(found.untrustedText, storeOf(around, wanted), name);
      if (fault?.severity !== 'fault') continue;
      const code = fault.code === 'store-differs' ? 'narrower-section' : fault.code;
      const message = `${nameScope(name)}, a part of ${nameScope(around.name)}: ${fault.message}`;
      const severity = around.name === '' ? 'warning' : 'fault';
      findings.push(createFinding(code, section.path, message, { scope: name, severity }));
      break;
    }
  }
  return findings;
}

/** A file that nodes pass over is a fault where it has what is missing, else worth a word. */
function inspectIgnored(
  { ignored }: CollectedSections,
  lost: readonly NodeFinding[],
): readonly NodeFinding[] {
  return ignored.flatMap(({ path, scopes }) => {
    const hasLost = lost.some(({ scope }) => scope !== undefined && scopes.has(scope));
    if (!hasLost && !/\.ya?ml$/i.test(path)) return [];
    const message = 'expected a name that ends in .yaml, got a file that nodes do not read';
    return [
      createFinding('ignored-file', path, message, { severity: hasLost ? 'fault' : 'warning' }),
    ];
  });
}

/** What is not there and has no cause that was found. */
function reportLost(
  { ignored, misspelt, hasFiles, isWhole }: CollectedSections,
  lost: readonly NodeFinding[],
  registriesPath: string,
): readonly NodeFinding[] {
  const left = lost.filter(({ scope = '' }) => {
    return isWhole && !misspelt.has(scope) && !ignored.some(({ scopes }) => scopes.has(scope));
  });
  if (hasFiles || left.length === 0) return left;
  const message = 'expected files that name the store, got none that nodes read';
  return [createFinding('missing-file', registriesPath, message)];
}
