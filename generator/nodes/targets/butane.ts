// Butane: what the MachineConfig target writes, in the form that people review and butane makes
// MachineConfigs from.
import { Document, Scalar, type DocumentOptions } from 'yaml';
import { NODE_FILE_MODE, type NodeFile } from '../node-file.ts';
import { formatDataUrl } from './encode.ts';
import { explainName, nameMachineConfig } from './machine-config.ts';
import type { TargetOptions, WrittenFile } from './target.ts';

/** Of which butane reads numbers: 0644 is octal. */
const YAML_VERSION: DocumentOptions = { version: '1.1' };
const NO_FOLDING = { lineWidth: 0 };
/**
 * Text that every reader of YAML gives back from a block as it was: no line ends but one, nothing
 * that is not printable, and no sign of bytes that were not UTF-8.
 */
const BLOCK_SAFE = /^[\n\x20-\x7e\u{a0}-\u{2027}\u{202a}-\u{d7ff}\u{e000}-\u{fdcf}]*$/u;

/**
 * A Butane file for each pool.
 * @throws TargetError for a name or pool that the operator's own files would win over.
 */
export function writeButane(
  files: readonly NodeFile[],
  { name, pools, butane }: TargetOptions,
): readonly WrittenFile[] {
  return pools.map((pool) => {
    const metadataName = nameMachineConfig(pool, name);
    const content = {
      variant: 'openshift',
      version: butane,
      metadata: {
        name: metadataName,
        labels: { 'machineconfiguration.openshift.io/role': pool },
      },
      storage: { files: files.map(toButaneFile) },
    };
    const document = new Document(content, YAML_VERSION);
    document.commentBefore = explainName(pool, name);
    return { path: `${metadataName}.bu`, bytes: Buffer.from(document.toString(NO_FOLDING)) };
  });
}

function toButaneFile({ path, bytes }: NodeFile) {
  const mode = new Scalar(NODE_FILE_MODE);
  mode.format = 'OCT';
  return { path: `/${path}`, mode, overwrite: true, contents: toContents(bytes) };
}

function toContents(bytes: Uint8Array) {
  const text = Buffer.from(bytes).toString();
  // Of blank lines alone nobody can say how far they are indented.
  if (!BLOCK_SAFE.test(text) || text.trim() === '') return { source: formatDataUrl(bytes) };
  const inline = new Scalar(text);
  inline.type = Scalar.BLOCK_LITERAL;
  return { inline };
}
