/** Lookups of an image that has no signature here: nodes that wanted it, and refused it. */
export interface RefusedPull {
  /** `[prefix/]namespace/repo@sha256=HEX`. */
  readonly directory: string;
  /** How often it was asked for. */
  readonly count: number;
  /** Milliseconds since 1970, as `lastSeen`. */
  readonly firstSeen: number;
  readonly lastSeen: number;
  /** The last ones that asked, the newest first. */
  readonly clients: readonly string[];
  /** Whether others asked before them. */
  readonly hasMoreClients: boolean;
}

/** One to which a signature came. */
export interface ResolvedPull extends RefusedPull {
  /** When that was seen; milliseconds since 1970. */
  readonly arrivedAt: number;
  /** The state of the source that brought it; null if the source has none. */
  readonly commit: string | null;
}

/** All that is remembered, for a file. */
export interface SavedPulls {
  readonly dropped: number;
  /** Of repositories that the store knew; the repository that was asked for last is last. */
  readonly known: readonly RefusedPull[];
  /** Of other repositories, in the same order. */
  readonly others: readonly RefusedPull[];
  /** The newest arrival first. */
  readonly resolved: readonly ResolvedPull[];
}

/** Nobody wants an image any more that was not asked for in so many milliseconds. */
export const MAX_UNSEEN = 7 * 24 * 60 * 60 * 1000;
/** Clients that are remembered of one pull. */
export const MAX_CLIENTS = 8;
/** Longer than any address with a zone of a network; proxies pass on longer ones. */
export const MAX_CLIENT_LENGTH = 64;
/** Nodes ask for no longer ones (distribution/reference has 255 for a name). */
export const MAX_REPOSITORY_LENGTH = 512;
/** Resolved pulls that are remembered. */
export const MAX_RESOLVED = 100;
