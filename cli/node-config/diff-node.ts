import { join } from 'node:path';
import { FILE_HEADERS_ONLY, createTwoFilesPatch } from 'diff';
import type { FoundContent } from '../../generator/nodes/check/node-state.ts';
import type { NodeFile } from '../../generator/nodes/node-file.ts';
import { type PolicyJson, readPolicyJson } from '../../generator/nodes/policy-file.ts';
import {
  findPrivateKey,
  holdsPrivateKeyInText,
} from '../../generator/openpgp/packets/private-keys.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import { toPrintable } from '../../generator/terms/text.ts';
import type { Settings } from '../base/options.ts';
import { UsageError } from '../base/usage-error.ts';
import { write, type ProcessIo } from '../base/process-io.ts';
import { parsePolicyText, refusePrivateData } from '../inputs/read-policy-text.ts';
import type { NodeTree } from './check-node.ts';
import { createFiles, readNodePolicy, toNodeFilesOptions } from './describe-nodes.ts';
import { readExistingPolicy } from './installed-policy.ts';

/** Prints how files differ from those that would be written; settles with the exit code. */
export async function diffNode(tree: NodeTree, settings: Settings, io: ProcessIo): Promise<number> {
  const policy = await readNodePolicy(settings);
  const existing = await readExisting(tree, policy, settings);
  const files = createFiles(policy, toNodeFilesOptions(settings, policy, existing));
  const patches = [];
  for (const file of files) {
    const patch = createPatch(file, await tree.files.readFile(file.path));
    if (patch !== undefined) patches.push(patch);
  }
  await write(io.stdout, patches.join(''));
  return patches.length > 0 ? 1 : 0;
}

/** Unless --merge or --default says otherwise, the policy that is there stays, but for our scopes. */
async function readExisting(
  { root, files }: NodeTree,
  policy: Policy,
  settings: Settings,
): Promise<PolicyJson | undefined> {
  const { merge, default: byDefault, rootless } = settings;
  if (merge !== undefined) return (await readExistingPolicy(merge, policy, settings)).content;
  if (byDefault !== undefined) return undefined;
  const path = `${rootless ? '.config' : 'etc'}/containers/policy.json`;
  const found = await files.readFile(path);
  switch (found.kind) {
    case 'missing':
      return undefined;
    case 'unreadable':
      throw new UsageError(`${join(root, path)}: expected a policy, got ${found.reason}`);
    case 'file': {
      const installed = parsePolicyText(join(root, path), Buffer.from(found.bytes).toString());
      refusePrivateData(join(root, path), installed);
      return readPolicyJson(installed.text);
    }
  }
}

/** A difference in more lines is of no use to people, and takes long to find. */
const MAX_EDITS = 5000;

/** The difference of one file; undefined if there is none. */
function createPatch({ path, bytes }: NodeFile, found: FoundContent): string | undefined {
  if (found.kind === 'unreadable') return `File ${path} is ${found.reason}\n`;
  if (found.kind === 'file' && Buffer.from(bytes).equals(found.bytes)) return undefined;
  const isPrivate = found.kind === 'file' && holdsPrivateKey(found.bytes);
  if (isPrivate) return `Files a/${path} and b/${path} differ: a/${path} holds a private key\n`;
  const before = found.kind === 'file' ? toText(found.bytes) : '';
  const from = found.kind === 'file' ? `a/${path}` : '/dev/null';
  const patch =
    before === undefined
      ? undefined
      : createTwoFilesPatch(
          from,
          `b/${path}`,
          before,
          Buffer.from(bytes).toString(),
          undefined,
          undefined,
          {
            headerOptions: FILE_HEADERS_ONLY,
            maxEditLength: MAX_EDITS,
          },
        );
  return patch ?? `Files a/${path} and b/${path} differ\n`;
}

/** Keys are files, and in base64 in a policy, which need not be one that nodes can read. */
function holdsPrivateKey(untrustedBytes: Uint8Array): boolean {
  return (
    findPrivateKey(untrustedBytes) === 'private' ||
    holdsPrivateKeyInText(Buffer.from(untrustedBytes).toString())
  );
}

/** Lines fit for a terminal; undefined for what has none. */
function toText(untrustedBytes: Uint8Array): string | undefined {
  const text = Buffer.from(untrustedBytes).toString();
  if (text.includes('\0') || text.includes('\u{FFFD}')) return undefined;
  return text.replaceAll(/[^\n\t]+/g, toPrintable);
}
