// `lookaside resolve IMAGE… [SOURCE]`: which digest images are, by what was signed; and the same for all images
// of Kubernetes manifests, which it pins or checks.
import { existsSync } from 'node:fs';
import { parsePulledImage, parseWrittenImage } from '../../generator/terms/image-name.ts';
import { assertFormat } from '../base/assert-format.ts';
import type { Settings } from '../base/options.ts';
import { write, type ProcessIo } from '../base/process-io.ts';
import { UsageError } from '../base/usage-error.ts';
import { untilStopped } from '../inputs/open-source.ts';
import { tellRefused } from '../inputs/tell-refused.ts';
import { checkAuthfile } from '../registry/check-authfile.ts';
import { isSource, readImageOperand } from '../registry/image-operand.ts';
import { findSignaturePlace } from '../status-listener/find-place.ts';
import { formatResolvedImages, tellUnresolved } from './format-resolved.ts';
import { type PinMode, pinManifests } from './pin-manifests.ts';
import type { ResolveImages } from './resolve-answer.ts';
import { resolveAtServer } from './resolve-at-server.ts';
import { resolveAtSource } from './resolve-at-source.ts';

const PLACE_HINT =
  'put SOURCE behind the images, or give --server with the address of the status listener of a server';

/**
 * Settles with the exit code: 0 where every image is resolved, or pinned to what is signed, else 1. `flags` are
 * the options that the command line has.
 */
export async function resolve(
  operands: readonly string[],
  settings: Settings,
  io: ProcessIo,
  flags: ReadonlySet<string>,
): Promise<number> {
  return tellRefused(io, async () => {
    assertFormat('resolve', settings);
    const mode = findMode(settings);
    if (settings.authfile !== undefined) await checkAuthfile(settings.authfile);
    if (mode) return resolveFiles(mode, operands, settings, io, flags);
    return resolveImages(operands, settings, io, flags);
  });
}

/** What is to be done with files, and the first of them; undefined where IMAGEs are asked about. */
function findMode({ check, write: file }: Settings): PinMode | undefined {
  if (check !== undefined && file !== undefined) {
    throw new UsageError('--check and --write exclude each other', 'give one of them');
  }
  if (check !== undefined) return { kind: 'check', file: check };
  return file === undefined ? undefined : { kind: 'write', file };
}

async function resolveImages(
  operands: readonly string[],
  settings: Settings,
  io: ProcessIo,
  flags: ReadonlySet<string>,
): Promise<number> {
  const isServer = settings.server !== undefined && !isSource(operands.at(-1) ?? '');
  const names = isServer ? operands : operands.slice(0, -1);
  const source = isServer ? undefined : operands.at(-1);
  if (operands.length === 0) throw new UsageError('there is no IMAGE to resolve', PLACE_HINT);
  if (names.length === 0) {
    const isImage = !isSource(source ?? '') && parsePulledImage(source ?? '') !== undefined;
    throw isImage
      ? new UsageError('resolve needs a place to look for signatures', PLACE_HINT)
      : new UsageError('there is no IMAGE to resolve', 'name images before SOURCE');
  }
  const images = names.map((name) => readImageOperand(name, parseWrittenImage));
  const ask = askAt(findSignaturePlace('resolve', source, settings, flags), settings, io);
  const answer = await ask(images);
  await write(io.stdout, formatResolvedImages(answer, settings.format === 'json'));
  if (settings.format !== 'json') tellUnresolved(answer.images, io.stderr);
  return answer.images.every(({ verdict }) => verdict === 'resolved') ? 0 : 1;
}

async function resolveFiles(
  mode: PinMode,
  operands: readonly string[],
  settings: Settings,
  io: ProcessIo,
  flags: ReadonlySet<string>,
): Promise<number> {
  const isServer = settings.server !== undefined;
  const [first] = operands;
  if (!isServer && first !== undefined && /\.(?:ya?ml|json)$/.test(first) && existsSync(first)) {
    throw new UsageError(
      `expected SOURCE before other files, got ${JSON.stringify(first)}`,
      `write lookaside resolve SOURCE --${mode.kind} FILE…`,
    );
  }
  const place = findSignaturePlace('resolve', isServer ? undefined : first, settings, flags);
  const files = [mode.file, ...operands.slice(isServer ? 0 : 1)];
  return pinManifests(mode, files, askAt(place, settings, io), settings, io);
}

function askAt(place: string | URL, settings: Settings, io: ProcessIo): ResolveImages {
  return async (images) =>
    typeof place === 'string'
      ? resolveAtSource(place, images, settings, io)
      : untilStopped(io.signals, async (ending) => resolveAtServer(place, images, ending));
}
