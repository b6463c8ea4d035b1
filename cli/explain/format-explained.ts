import { styleText } from 'node:util';
import type { ExplainedImage, FoundSignature } from '../../generator/explain/explain-image.ts';
import type { QuarantinedFile, SignedImage } from '../../generator/explain/reason.ts';
import type { CheckReport } from '../../generator/store/report.ts';
import { abbreviate, formatJson, toLine } from '../../generator/terms/text.ts';
import { hasColour, type ProcessIo } from '../base/process-io.ts';
import type { ServerAnswer } from './explain-answer.ts';
import type { Pulled } from '../registry/read-platforms.ts';

/** What nodes of a platform get. */
export interface ExplainedPlatform extends ExplainedImage {
  /** `os/architecture[/variant]`; null where all nodes get the same. */
  readonly platform: string | null;
}

/** Who says so, and in which state. */
export type Origin =
  | Pick<CheckReport, 'source'>
  | ({ readonly server: string } & Pick<ServerAnswer, 'generation'>)
  /** The address of the store that nodes ask in place of the source. */
  | { readonly store: string };

/** All that is said of an image. */
export interface Explanation {
  /** In full. */
  readonly image: string;
  readonly origin: Origin;
  readonly registry: Pulled['registry'];
  /** Of the list of platforms, for which nodes do not ask. */
  readonly list: ExplainedImage | undefined;
  readonly platforms: readonly ExplainedPlatform[];
}

type Fact = readonly [name: string, value: string];
type Paint = (verdict: ExplainedImage['verdict']) => string;

const WIDTH = 'signature:  '.length;
const COLOURS = { accepted: 'green', refused: 'red', unknown: 'yellow' } as const;

/** For programs, an object whose form is stable; for people a block a platform, a line a fact. */
export function formatExplained(
  explanation: Explanation,
  isJson: boolean,
  { stdout, environment }: ProcessIo,
): string {
  const { image, origin, registry, list, platforms } = explanation;
  if (isJson) {
    const accepted = platforms.every(({ verdict }) => verdict === 'accepted');
    const shown = {
      version: 1,
      image,
      ...origin,
      registry,
      list: list ?? null,
      platforms,
      accepted,
    };
    return `${formatJson(shown, 2)}\n`;
  }
  const paint: Paint = (verdict) =>
    hasColour(stdout, environment)
      ? styleText(COLOURS[verdict], verdict, { validateStream: false })
      : verdict;
  const head: readonly Fact[] = [
    ['image', image],
    describeOrigin(origin),
    ...(list ? [describeList(list)] : []),
  ];
  const blocks = [
    head.map(factLine),
    ...platforms.map((platform) => formatPlatform(platform, paint)),
    [summarize(explanation), ...advise(explanation)],
  ];
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function describeOrigin(origin: Origin): Fact {
  if ('store' in origin) return ['store', origin.store];
  if ('source' in origin) {
    const { location, commit } = origin.source;
    return ['source', commit ? `${location}, commit ${abbreviate(commit)}` : location];
  }
  const { commit, loadedAt } = origin.generation;
  const state = commit === null ? '' : `, commit ${abbreviate(commit)}`;
  return ['server', `${origin.server}${state}, loaded ${loadedAt}`];
}

function describeList({ digest, signatures, verdict }: ExplainedImage): Fact {
  const count = `${signatures.length} signature${signatures.length === 1 ? '' : 's'}`;
  const own = signatures.length > 0 ? ` (${verdict})` : '';
  return ['list', `${digest}, ${count}${own}; \`skopeo copy --all\` asks for it, nodes do not`];
}

function formatPlatform(explained: ExplainedPlatform, paint: Paint): readonly string[] {
  const { platform, digest, verdict, scope, directory, signatures, reason, note } = explained;
  const code = reason === null ? '' : `: ${reason.code}`;
  const facts: readonly Fact[] = [
    ...(platform === null ? [] : [['platform', platform] as const]),
    ['digest', digest],
  ];
  const more: readonly Fact[] = [
    ['scope', scope === null ? NO_SCOPE : scope === '' ? DEFAULT_SCOPE : scope],
    ['directory', directory],
    ...signatures.flatMap(describeSignature),
    ...describeReason(reason),
    ...(note === null ? [] : [['note', note] as const]),
  ];
  // The only word in colour is ours.
  return [
    ...facts.map(factLine),
    `${label('verdict')}${paint(verdict)}${code}`,
    ...more.map(factLine),
  ];
}

function describeSignature(signature: FoundSignature, index: number): readonly Fact[] {
  const { identity, signedAt, fault, warnings } = signature;
  return [
    [
      'signature',
      `${index + 1}, for ${identity}, by ${describeSigner(signature)}, made ${signedAt}`,
    ],
    ...(fault === null ? [] : [['fault', fault] as const]),
    ...warnings.map(({ message }) => ['warning', message] as const),
  ];
}

function describeSigner({ signer, signingKey, userIds }: FoundSignature): string {
  if (signer === null) return 'a signer that was not checked';
  const owner = userIds.length > 0 ? ` (${userIds.join(', ')})` : '';
  const subkey = signingKey === null || signingKey === signer ? '' : `, subkey ${signingKey}`;
  return `${signer}${owner}${subkey}`;
}

function describeReason(reason: ExplainedImage['reason']): readonly Fact[] {
  if (reason === null) return [];
  return [
    ['reason', reason.message],
    ...('files' in reason ? reason.files.flatMap(describeFile) : []),
    ...('images' in reason ? reason.images.map(describeImage) : []),
    ['next', reason.next],
  ];
}

function describeFile({ path, code, commit }: QuarantinedFile): readonly Fact[] {
  const file: Fact = ['file', `${path}: ${code}`];
  if (!commit) return [file];
  const { id, author, date } = commit;
  return [file, ['commit', `${abbreviate(id)} by ${author.name} on ${date}`]];
}

function describeImage({ repository, digest, identity, signedAt }: SignedImage): Fact {
  return ['signed', `${identity}, made ${signedAt}: ${repository} ${digest}`];
}

function summarize({ image, platforms }: Explanation): string {
  const accepted = platforms.filter(({ verdict }) => verdict === 'accepted').length;
  const [only] = platforms;
  if (platforms.length === 1 && only) return `${image} ${IN_A_SENTENCE[only.verdict]}`;
  return `${accepted} of ${platforms.length} platforms would be accepted`;
}

const NO_SCOPE = 'none, and there is no default';
/** Whether or not there are scopes that have names. */
const DEFAULT_SCOPE = 'none, so the default applies';

/** What is said of a manifest that nobody has signed. */
const FORGOTTEN: ReadonlySet<string | undefined> = new Set(['other-digests', 'unknown-repository']);

/** What signers, or those who ask, may have overlooked. */
function advise({ registry, list, platforms }: Explanation): readonly string[] {
  if (registry === 'not-asked') return [CAUTION];
  if (!list || !platforms.some(({ reason }) => FORGOTTEN.has(reason?.code))) return [];
  return [list, ...platforms].some(({ signatures }) => signatures.length > 0)
    ? [
        'Every platform needs signatures of its own: `lookaside sign` makes them, and `skopeo copy --all --sign-by`.',
      ]
    : [];
}

const CAUTION =
  'The registry was not asked. If this digest is that of a list of platforms, nodes do not ask for its signatures, but for those of the manifest of their platform.';

const IN_A_SENTENCE = {
  accepted: 'would be accepted',
  refused: 'would be refused',
  unknown: 'may be accepted or refused; that cannot be known here',
} as const;

/** Every value may be a stranger's word. */
function factLine([name, value]: Fact): string {
  return `${label(name)}${toLine(value)}`;
}

function label(name: string): string {
  return `${name}:`.padEnd(WIDTH);
}
