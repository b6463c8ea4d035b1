// registries.d as a whole: what nodes make of its files together.
import { messageOf } from '../../terms/errors.ts';
import { asSentence, suggest } from '../../terms/text.ts';
import { type NodeFinding, createFinding, nameScope } from './finding.ts';
import type { PlacedSection, Sections } from './find-store.ts';
import type { Clients } from '../registries-d.ts';
import type { FoundFile } from './node-state.ts';
import {
  type ParsedRegistries,
  RegistriesFileError,
  type UnknownMember,
  parseRegistriesFile,
} from '../registries/registries-file.ts';

/** A file that nodes do not read, and the scopes that it was meant for. */
export interface IgnoredFile {
  readonly path: string;
  readonly scopes: ReadonlySet<string>;
}

export interface CollectedSections {
  readonly sections: Sections;
  /** Scopes that two files have, so that nodes take neither. */
  readonly doubled: ReadonlySet<string>;
  /** Scopes that something is written for under a name that nodes do not know. */
  readonly misspelt: ReadonlySet<string>;
  readonly ignored: readonly IgnoredFile[];
  /** Whether nodes read any file. */
  readonly hasFiles: boolean;
  /** Whether all files that nodes read can be read. */
  readonly isWhole: boolean;
  readonly findings: readonly NodeFinding[];
}

/** Reads the files of a registries.d; `ours` are the scopes whose faults are not only warnings. */
export function collectSections(
  files: readonly FoundFile[],
  ours: ReadonlySet<string>,
  clients: Clients,
): CollectedSections {
  const findings: NodeFinding[] = [];
  const sections = new Map<string, PlacedSection>();
  const doubled = new Set<string>();
  const misspelt = new Set<string>();
  const read = files.filter(({ path }) => isRead(path));
  let isWhole = true;
  for (const file of read) {
    const parsed = parse(file, clients);
    if (typeof parsed === 'string') {
      isWhole = false;
      findings.push(createFinding('registries-unreadable', file.path, parsed));
      continue;
    }
    for (const [scope, members] of sectionsOf(parsed)) {
      const before = sections.get(scope);
      if (before) {
        doubled.add(scope);
        findings.push(describeDouble(scope, before.path, file.path));
      } else sections.set(scope, { path: file.path, members });
    }
    for (const member of parsed.unknown) {
      for (const scope of member.scopes) misspelt.add(scope);
      findings.push(describeUnknown(member, file.path, ours));
    }
  }
  const ignored = files
    .filter(({ path }) => !isRead(path))
    .map((file) => readIgnored(file, clients));
  return { sections, doubled, misspelt, ignored, hasFiles: read.length > 0, isWhole, findings };
}

function isRead(path: string): boolean {
  return path.endsWith('.yaml');
}

/** The content, or why nodes refuse it. */
function parse({ found }: FoundFile, clients: Clients): ParsedRegistries | string {
  switch (found.kind) {
    case 'missing':
      return 'expected a file, got a broken link';
    case 'unreadable':
      return `expected a file, got ${found.reason}`;
    case 'file':
      try {
        return parseRegistriesFile(found.bytes, clients);
      } catch (error) {
        if (!(error instanceof RegistriesFileError)) throw error;
        return messageOf(error);
      }
  }
}

function sectionsOf({ docker, byDefault }: ParsedRegistries) {
  // Nodes look up no scope '' under `docker`.
  const named = [...docker].filter(([scope]) => scope !== '');
  return byDefault ? [...named, ['', byDefault] as const] : named;
}

function describeDouble(scope: string, first: string, second: string): NodeFinding {
  const isDefault = scope === '';
  const what = isDefault ? 'default-docker' : `the scope ${nameScope(scope)}`;
  const message = `expected ${what} in one file, got it in ${first} too`;
  return isDefault
    ? createFinding('duplicate-default', second, message)
    : createFinding('duplicate-scope', second, message, { scope });
}

function describeUnknown(
  { name, known, scopes }: UnknownMember,
  path: string,
  ours: ReadonlySet<string>,
): NodeFinding {
  const meant = suggest(name, known);
  const scope = scopes.length === 1 ? scopes[0] : undefined;
  const isOurs = scopes.some((one) => ours.has(one));
  return createFinding(
    'unknown-member',
    path,
    `expected a member that nodes know, got ${JSON.stringify(name)}`,
    {
      scope,
      severity: isOurs ? 'fault' : 'warning',
      hint: asSentence(meant),
    },
  );
}

function readIgnored(file: FoundFile, clients: Clients): IgnoredFile {
  const parsed = parse(file, clients);
  const scopes = typeof parsed === 'string' ? [] : sectionsOf(parsed).map(([scope]) => scope);
  return { path: file.path, scopes: new Set(scopes) };
}
