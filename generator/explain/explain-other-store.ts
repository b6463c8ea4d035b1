// Whether a node would accept an image by the signatures of another store than this one, which its scope names.
import type { CheckedFile } from '../gate/checked-file.ts';
import type { Judge } from '../gate/judge.ts';
import type { Policy, Scope } from '../policy/policy.ts';
import { formatReference } from '../policy/signed-identity.ts';
import { SignatureStore } from '../store/store.ts';
import type { DockerReference } from '../terms/image-name.ts';
import { formatDirectory, formatLocation, parseLocation } from '../terms/location.ts';
import { isRejection } from '../terms/rejection.ts';
import { type ExplainedImage, explainImage } from './explain-image.ts';
import type { Obstacle } from './find-obstacle.ts';

/** A scope with a store of its own. */
export type ScopeElsewhere = Scope & { readonly store: string };

/** What came of asking the store for the signatures of an image. */
export type AskedStore = ReadFiles | FailedRead;

/** The files of the signatures of an image, in their order. */
export interface ReadFiles {
  readonly kind: 'read';
  readonly files: readonly Uint8Array[];
}

/** What fails every pull of an image, whatever the policy of the node. */
export interface FailedRead {
  readonly kind: 'fails';
  /** The path below the store that was asked for; undefined where it did not come to that. */
  readonly asked: string | undefined;
  readonly got: string;
}

export interface OtherStoreOptions {
  readonly scope: ScopeElsewhere;
  /** That of the scope alone, as its store would judge by it. */
  readonly policy: Policy;
  readonly judge: Judge;
  readonly now: Date;
}

/** As {@link explainImage}, by what the store has. */
export async function explainFromOtherStore(
  image: DockerReference,
  digestHex: string,
  asked: AskedStore,
  { scope, policy, judge, now }: OtherStoreOptions,
): Promise<ExplainedImage> {
  const directory = formatDirectory(image.repository, digestHex);
  if (asked.kind === 'fails') return describeFailure(image, digestHex, directory, asked, scope);
  const files = await Promise.all(
    asked.files.map(async (bytes, index) => judgeFile(directory, index + 1, bytes, judge, now)),
  );
  const store = new SignatureStore();
  store.prepare(files.flatMap((file) => file ?? [])).apply();
  const explained = await explainImage(image, digestHex, {
    policy,
    store,
    rejectedOf: (hex) => store.rejectedOf(hex),
    now,
    lastChange: async () => undefined,
  });
  return { ...explained, scope: scope.name, reason: inOtherWords(explained.reason, scope) };
}

async function judgeFile(
  directory: string,
  number: number,
  bytes: Uint8Array,
  judge: Judge,
  now: Date,
): Promise<CheckedFile | undefined> {
  const path = formatLocation(directory, number);
  const location = parseLocation(path);
  if (!location) return undefined;
  const signature = await judge.judge(location, bytes, now);
  if (!isRejection(signature)) return { kind: 'publishable', path, directory, number, signature };
  const entry = { kind: 'file', path, id: path, size: bytes.length } as const;
  return { kind: 'rejected', path, directory, entry, rejection: signature };
}

function describeFailure(
  image: DockerReference,
  digestHex: string,
  directory: string,
  { asked, got }: FailedRead,
  { name, store }: ScopeElsewhere,
): ExplainedImage {
  const where = asked === undefined ? store : `${store}/${asked}`;
  return {
    image: formatReference(image),
    digest: `sha256:${digestHex}`,
    verdict: 'refused',
    scope: name,
    directory,
    signatures: [],
    reason: {
      code: 'store-fails',
      message: `${where}: ${got}, which fails every pull of the image`,
      next: `See what is wrong with the store: lookaside probe ${store}`,
    },
    note: null,
  };
}

/** What is missing or bad in another store is cured there. */
function inOtherWords(
  reason: ExplainedImage['reason'],
  { store }: ScopeElsewhere,
): ExplainedImage['reason'] {
  if (reason?.code === 'quarantined') {
    const [file] = reason.files;
    const message = `${store}: ${file?.path ?? ''}: ${file?.message ?? ''}`;
    return {
      ...reason,
      message,
      next: 'Pull an image with a good signature, or tell whoever runs the store.',
    };
  }
  if (reason === null || !NOTHING_THERE.has(reason.code)) return reason;
  const missing: Obstacle = {
    code: 'unsigned-elsewhere',
    message: `${store} has no signature of it`,
    next: 'Pull an image that is signed there, or see whether nodes should ask another store.',
  };
  return missing;
}

/** What is said of a directory without files, as if it were in a store of our own. */
const NOTHING_THERE: ReadonlySet<string> = new Set(['unknown-repository', 'other-digests']);
