// `resolve --check` and `resolve --write`: the images of Kubernetes manifests, of which each is to have the
// digest that was signed for its tag.
import {
  type FoundImageStrings,
  type ImageString,
  findImageStrings,
} from '../../generator/kubernetes/find-images.ts';
import { type ImageEdit, replaceImages } from '../../generator/kubernetes/replace-images.ts';
import { formatReference } from '../../generator/policy/signed-identity.ts';
import type { DescribedReference } from '../../generator/resolve/describe-resolved.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import { type DockerReference, parseWrittenImage } from '../../generator/terms/image-name.ts';
import { toLine } from '../../generator/terms/text.ts';
import type { Settings } from '../base/options.ts';
import { write, type ProcessIo } from '../base/process-io.ts';
import { UsageError } from '../base/usage-error.ts';
import { type PinFinding, formatPinReport } from './format-pins.ts';
import {
  type ManifestText,
  STANDARD_INPUT,
  readManifestFiles,
  writeManifestFiles,
} from './manifest-files.ts';
import type { ResolveImages } from './resolve-answer.ts';

export interface PinMode {
  readonly kind: 'check' | 'write';
  /** The first of the files. */
  readonly file: string;
}

/** A file and the images in it. */
interface LookedAt {
  readonly file: ManifestText;
  readonly found: FoundImageStrings;
}

/** An image string and what was found about it. */
interface JudgedString {
  readonly finding: PinFinding;
  /** Undefined where nothing is to be written there. */
  readonly edit: ImageEdit | undefined;
}

/** Settles with the exit code: 1 where an image is not pinned, or cannot be, and then nothing is written. */
export async function pinManifests(
  mode: PinMode,
  places: readonly string[],
  resolve: ResolveImages,
  settings: Settings,
  io: ProcessIo,
): Promise<number> {
  const files = await readManifestFiles(places, io.stdin);
  const looked = files.map((file) => ({ file, found: lookAt(file, io.stderr) }));
  assertManifests(looked, places);
  const images = uniqueImages(looked);
  const answer = images.length > 0 ? await resolve(images) : undefined;
  const answers = new Map(
    (answer?.images ?? []).map((one, at) => [formatReference(images[at] ?? NOBODY), one]),
  );
  const judged = looked.map(({ file, found }) => ({
    file,
    strings: found.images.map((at) => judgeString(mode, file, at, answers)),
  }));
  const findings = judged.flatMap(({ strings }) => strings.map(({ finding }) => finding));
  const isGood = findings.every(({ status }) => status === 'pinned');
  const isWritten = mode.kind === 'write' && isGood;
  if (isWritten) await writeAll(judged, io);
  const report = { mode: mode.kind, isWritten, files: files.length, findings };
  const isJson = settings.format === 'json';
  const isStream = mode.kind === 'write' && places.includes(STANDARD_INPUT);
  await write(isStream ? io.stderr : io.stdout, formatPinReport(report, isJson));
  return isGood ? 0 : 1;
}

const NOBODY: DockerReference = { host: '', repository: '', tag: undefined, digest: undefined };

function lookAt(
  { path, text, isTemplate }: ManifestText,
  stderr: NodeJS.WritableStream,
): FoundImageStrings {
  try {
    const found = findImageStrings(text);
    for (const note of found.notes) stderr.write(`lookaside: ${toLine(`${path}: ${note}`)}\n`);
    return found;
  } catch (cause) {
    const message = `${path}: ${messageOf(cause)}`;
    // What kubectl may read all the same must not pass unseen; templates of a chart are no manifests.
    if (!isTemplate) throw new UsageError(message, 'give plain Kubernetes manifests', { cause });
    stderr.write(`lookaside: ${toLine(message)}; passed over\n`);
    return { images: [], workloads: 0, notes: [] };
  }
}

/** @throws UsageError where a file that was named has no object that could have an image */
function assertManifests(looked: readonly LookedAt[], places: readonly string[]): void {
  if (looked.length === 0) {
    const hint = 'name files, or directories with .yaml, .yml or .json files';
    throw new UsageError(`there are no manifests in ${places.join(', ')}`, hint);
  }
  for (const { file, found } of looked) {
    if (!file.isNamed || found.workloads > 0 || found.notes.length === 0) continue;
    const [note = ''] = found.notes;
    throw new UsageError(`${file.path} has no plain Kubernetes manifests`, note);
  }
}

function uniqueImages(looked: readonly LookedAt[]): readonly DockerReference[] {
  const images = new Map<string, DockerReference>();
  for (const { found } of looked) {
    for (const { image } of found.images) {
      const parsed = parseWrittenImage(image);
      if (parsed) images.set(formatReference(parsed), parsed);
    }
  }
  return [...images.values()];
}

function judgeString(
  { kind }: PinMode,
  { path }: ManifestText,
  at: ImageString,
  answers: ReadonlyMap<string, DescribedReference>,
): JudgedString {
  const { image, line } = at;
  const finding = { path, line, image };
  const parsed = parseWrittenImage(image);
  if (!parsed) return { finding: { ...finding, ...explainNoName(image) }, edit: undefined };
  const answer = answers.get(formatReference(parsed));
  const { reference, reason, warnings = [] } = answer ?? {};
  if (reference === undefined || reference === null) {
    const { message = 'it is not resolved', next = '' } = reason ?? {};
    return { finding: { ...finding, status: 'refused', message, next }, edit: undefined };
  }
  const told = { ...finding, warnings: warnings.map(({ message }) => message) };
  if (parsed.digest !== undefined) {
    return { finding: { ...told, status: 'pinned', reference: image }, edit: undefined };
  }
  if (kind === 'check') {
    const message = 'it has no digest';
    const next = `Write ${reference}, or run this with --write.`;
    return {
      finding: { ...told, status: 'not-pinned', reference, message, next },
      edit: undefined,
    };
  }
  if (at.obstacle !== undefined) {
    const message = 'it cannot be pinned where it stands';
    const next = at.obstacle;
    return { finding: { ...told, status: 'refused', message, next }, edit: undefined };
  }
  return { finding: { ...told, status: 'pinned', reference }, edit: { at, image: reference } };
}

function explainNoName(image: string): Pick<PinFinding, 'status' | 'message' | 'next'> {
  const status = 'refused';
  if (/\{\{|\$\(|\$\{/.test(image)) {
    const next = 'Render the template first, and give what comes out.';
    return { status, message: 'it is a template, not an image', next };
  }
  const isPadded = image.trim() !== image && parseWrittenImage(image.trim()) !== undefined;
  return isPadded
    ? { status, message: 'there are blanks around it', next: 'Remove them: nodes cannot pull it.' }
    : { status, message: 'it is not the name of an image', next: 'Write it as in a pull.' };
}

async function writeAll(
  judged: readonly { readonly file: ManifestText; readonly strings: readonly JudgedString[] }[],
  { stdout }: ProcessIo,
): Promise<void> {
  const changes = judged.map(({ file, strings }) => {
    const edits = strings.flatMap(({ edit }) => edit ?? []);
    return { file, text: replaceIn(file, edits) };
  });
  const isStream = ({ file }: (typeof changes)[number]): boolean => file.path === STANDARD_INPUT;
  await writeManifestFiles(
    changes.filter((change) => !isStream(change) && change.text !== change.file.text),
  );
  for (const { text } of changes.filter(isStream)) await write(stdout, text);
}

function replaceIn({ path, text }: ManifestText, edits: readonly ImageEdit[]): string {
  try {
    return replaceImages(text, edits);
  } catch (cause) {
    throw new UsageError(`${path}: ${messageOf(cause)}`, 'nothing was written', { cause });
  }
}
