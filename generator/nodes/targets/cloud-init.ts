import { Document, Scalar } from 'yaml';
import { NODE_FILE_MODE, type NodeFile } from '../node-file.ts';
import { formatBase64Lines } from './encode.ts';
import type { TargetOptions, WrittenFile } from './target.ts';

const OCTAL = 8;
const NOTE =
  ' Written by lookaside node-config: which keys sign which images, and where signatures are.';

/** User data for cloud-init, which knows it by its first line. */
export function writeCloudInit(
  files: readonly NodeFile[],
  { name }: TargetOptions,
): readonly WrittenFile[] {
  const document = new Document({ write_files: files.map(toEntry) });
  document.commentBefore = NOTE;
  const text = `#cloud-config\n${document.toString({ lineWidth: 0 })}`;
  return [{ path: `${name}-cloud-config.yaml`, bytes: Buffer.from(text) }];
}

function toEntry({ path, bytes }: NodeFile) {
  const content = new Scalar(formatBase64Lines(bytes));
  content.type = Scalar.BLOCK_LITERAL;
  const permissions = new Scalar(NODE_FILE_MODE.toString(OCTAL).padStart(4, '0'));
  // A number would be read as a decimal one by some.
  permissions.type = Scalar.QUOTE_SINGLE;
  return { path: `/${path}`, owner: 'root:root', permissions, encoding: 'b64', content };
}
