import type { Obstacle } from '../explain/find-obstacle.ts';
import type { Signature } from '../gate/judge.ts';
import type { Scope } from '../policy/policy.ts';
import type { DockerReference } from '../terms/image-name.ts';

/** A digest that is signed for a tag, as the scope of the image asks for it. */
export interface TagCandidate {
  /** 64 lower-case hexadecimal digits. */
  readonly digestHex: string;
  /** Where its signatures lie. */
  readonly directory: string;
  /**
   * When the newest signature was made by which it is good, in milliseconds since 1970. Where several
   * signers are asked for, that of the one whose newest is oldest: no one of them alone makes it newer.
   */
  readonly signedAt: number;
}

/** Why an image is not resolved. */
export interface UnresolvedReason {
  /**
   * `takes-anything`: signed or not, so no signature says what the tag is; `repository-not-signed`,
   * `tag-not-signed`, `not-signed`: there is no signature of the repository, for the tag, of the digest;
   * `other-tags`: the digest is signed for other tags than the one beside it; `manifests-not-known`: several
   * digests are signed for the tag, and which are lists of platforms is not known yet; `ambiguous`: several
   * are signed for it at the same time; `unsupported-digest`: nodes look up signatures by sha256 only. The
   * others are those of {@link Obstacle}.
   */
  readonly code:
    | Obstacle['code']
    | 'takes-anything'
    | 'repository-not-signed'
    | 'tag-not-signed'
    | 'not-signed'
    | 'other-tags'
    | 'manifests-not-known'
    | 'ambiguous'
    | 'unsupported-digest';
  /** What was found, in a sentence. */
  readonly message: string;
  /** What to do, in a sentence. */
  readonly next: string;
}

/** What should be known of an image although it is resolved. */
export interface ResolveWarning {
  /**
   * `other-tags`: the digest is signed, for other tags; `match-exact`: nodes that verify signatures
   * themselves drop a tag beside a digest, and then find no name that the rule takes; `unsigned-instances`:
   * such nodes refuse these platforms of the list.
   */
  readonly code: 'other-tags' | 'match-exact' | 'unsigned-instances';
  readonly message: string;
}

/** What would decide, once it is learnt: it costs a question to a registry, or to git. */
export interface Wanted {
  /** Digests of manifests, in hexadecimal digits. */
  readonly manifests: readonly string[];
  /** Directories of which it has to be known which commit brought them. */
  readonly commits: readonly string[];
}

/** Which digest an image is, by what was signed. */
export interface ResolvedReference {
  /** With its tag, its digest or both. */
  readonly image: DockerReference;
  readonly verdict: 'resolved' | 'refused' | 'unknown';
  /** Undefined if none covers the image. */
  readonly scope: Scope | undefined;
  /** In hexadecimal digits; undefined where none was found. */
  readonly digestHex: string | undefined;
  /**
   * How it was found: it was `given`; it is the `only` one signed for the tag, the only one but for
   * instances of its `list`, or the `newest`.
   */
  readonly by: 'given' | 'only' | 'newest' | 'list' | undefined;
  /** Those that are served for the digest. */
  readonly signatures: readonly Signature[];
  /** What else is signed for the tag, the newest first. */
  readonly others: readonly TagCandidate[];
  /** Of a list, `os/architecture[/variant]`; empty for what is none, or not known. */
  readonly platforms: readonly string[];
  /** Undefined where it is resolved. */
  readonly reason: UnresolvedReason | undefined;
  readonly warnings: readonly ResolveWarning[];
  readonly wanted: Wanted;
}
