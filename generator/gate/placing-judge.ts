// Judges signatures that lie nowhere yet: what they sign says where they belong.
import type { OpenMessage, OpenedMessage } from '../openpgp/open-message.ts';
import { parseSignatureFile } from '../openpgp/signature-file.ts';
import type { Policy } from '../policy/policy.ts';
import { judgeRelease } from '../release/judge-release.ts';
import { type ReleaseArea, findReleaseArea } from '../release/release-area.ts';
import { DEFAULT_BUDGETS, type PathBudgets } from '../terms/budgets.ts';
import { type ImageDirectory, classifyPath, formatLocation } from '../terms/location.ts';
import {
  formatReleaseDirectory,
  isReleaseDirectory,
  parseReleaseDirectory,
} from '../terms/release-location.ts';
import { type Rejection, isRejection } from '../terms/rejection.ts';
import { parseClaims } from './claims.ts';
import type { UntrustedClaims } from '../terms/untrusted-claims.ts';
import { Inquiry } from './inquiry.ts';
import type { Judge, JudgeOptions, Signature } from './judge.ts';
import { openForAny, takesStrangers } from './open-for-any.ts';
import { defaultPlace, findPlace } from './place.ts';
import { createJudge } from './release-judge.ts';

/** A signature that nodes, or clusters before an update, would accept, and the directory it belongs to. */
export interface PlacedSignature {
  readonly place: ImageDirectory;
  readonly signature: Signature;
}

export class PlacingJudge implements Judge {
  readonly judge: Judge['judge'];
  readonly suggest: Judge['suggest'];
  readonly paths: PathBudgets;
  readonly releases: readonly ReleaseArea[];
  readonly #policy: Policy;
  readonly #openMessage: OpenMessage;

  constructor(options: JudgeOptions) {
    const { policy, openMessage, paths = DEFAULT_BUDGETS } = options;
    const { judge, suggest } = createJudge(options);
    this.judge = judge;
    this.suggest = suggest;
    this.paths = paths;
    this.releases = policy.releases;
    this.#policy = policy;
    this.#openMessage = openMessage;
  }

  /** Where a signature belongs, and the verdict on it there, as of `now`. */
  async place(bytes: Uint8Array, now: Date): Promise<PlacedSignature | Rejection> {
    const file = parseSignatureFile(bytes);
    if (isRejection(file)) return file;
    const opened = await this.#open(file.untrustedMessage, now);
    if (isRejection(opened)) return opened;
    const claims = parseClaims(opened.untrustedPayload);
    if (isRejection(claims)) return claims;
    const place = this.#findPlace(claims, bytes, now);
    if (isRejection(place)) return place;
    const isImage = !isReleaseDirectory(place.directory);
    const found = isImage && classifyPath(formatLocation(place.directory, 1), this.paths);
    if (found && found.kind === 'rejected') return found.rejection;
    const signature = await this.judge({ ...place, number: 1 }, bytes, now);
    return isRejection(signature) ? signature : { place, signature };
  }

  /** One of a release belongs to its area, where nodes find it too if they take it. */
  #findPlace(claims: UntrustedClaims, bytes: Uint8Array, now: Date): ImageDirectory | Rejection {
    const { isConfigured, releases } = this.#policy;
    const place = findPlace(this.#policy, claims, '');
    const verdicts = releases.map(({ keyrings }) =>
      judgeRelease(bytes, claims.manifestDigest, keyrings, now),
    );
    const area = releases.find((_area, at) => !isRejection(verdicts[at] ?? {}));
    // Where nobody says who may sign images, only releases are taken.
    const refusal = verdicts.find(isRejection);
    if (!isConfigured && !area && refusal) return refusal;
    if (!area || (place && findReleaseArea(releases, place.directory) === area)) {
      return place ?? defaultPlace(claims);
    }
    const digestHex = claims.manifestDigest.replace(/^sha256:/, '');
    const flat = parseReleaseDirectory(formatReleaseDirectory(area.from, digestHex));
    return flat ?? defaultPlace(claims);
  }

  async #open(message: Uint8Array, now: Date): Promise<OpenedMessage | Rejection> {
    const inquiry = new Inquiry(this.#openMessage, now, undefined);
    const opened = await openForAny(this.#policy, inquiry, message);
    const isOpen = takesStrangers(this.#policy) || this.#policy.releases.length > 0;
    if (!isRejection(opened) || !isOpen) return opened;
    const unverified = await inquiry.open(message, undefined);
    return isRejection(unverified) ? opened : unverified;
  }
}
