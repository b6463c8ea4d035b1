// `lookaside show FILE…`: what a signature says, for people who review it before it is published.
import { createReadStream } from 'node:fs';
import { describeSignature } from '../generator/explain/describe-signature.ts';
import { MAX_BLOB_BYTES } from '../generator/openpgp/signature-file.ts';
import { messageOf } from '../generator/terms/errors.ts';
import { formatJson } from '../generator/terms/text.ts';
import { toBudgets } from './base/budget-options.ts';
import { hasColour } from './base/has-colour.ts';
import type { Settings } from './base/options.ts';
import type { World } from './base/process-io.ts';
import { Complaint } from './base/usage-error.ts';
import { write } from './base/write.ts';
import { formatShown } from './format-shown.ts';
import { openEngines } from './inputs/open-engines.ts';
import { withTemporaryState } from './inputs/open-source.ts';
import { readPolicy } from './inputs/read-policy.ts';

/**
 * Always 0 where the files can be read: what a signature is worth is `check`'s word, and git
 * takes no text from a textconv that fails.
 */
export async function show(
  files: readonly string[],
  settings: Settings,
  world: World,
): Promise<number> {
  const { format } = settings;
  if (format !== 'text' && format !== 'json') {
    throw new Complaint(`show knows no format ${format}`, 'use --format text or --format json');
  }
  const policy = await readPolicy(settings);
  return withTemporaryState(world.signals, async (directory, ending) => {
    const { openMessage, close } = await openEngines(
      world.environment,
      directory,
      toBudgets(settings),
    );
    ending.addEventListener('abort', () => void close());
    const options = { keyring: policy.keyring, openMessage };
    const shown = [];
    for (const path of files) {
      const bytes = await readInput(path, world);
      shown.push(await describeSignature(path, bytes, options, new Date()));
    }
    const output =
      format === 'json'
        ? `${formatJson({ files: shown }, 2)}\n`
        : formatShown(shown, hasColour(world.stdout, world.environment));
    await write(world.stdout, output);
    return 0;
  });
}

/** Of a larger file the size is enough to say what is wrong. */
async function readInput(path: string, world: World): Promise<Uint8Array> {
  try {
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of path === '-' ? world.stdin : createReadStream(path)) {
      pieces.push(Buffer.from(piece));
      size += piece.length;
      if (size > MAX_BLOB_BYTES) break;
    }
    return Buffer.concat(pieces);
  } catch (cause) {
    throw new Complaint(`cannot read ${path}: ${messageOf(cause)}`, undefined, { cause });
  }
}
