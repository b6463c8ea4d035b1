// Events as CloudEvents 1.0 in structured JSON (cloudevents/spec, formats/json-format.md). What they carry
// is described in docs/events.md and in docs/events.schema.json.
import { randomUUID } from 'node:crypto';
import type { StateOrigin } from '../../generator/sources/source.ts';
import type { RejectedFile } from '../../generator/store/report.ts';
import { formatLocation } from '../../generator/terms/location.ts';
import { isReleaseDirectory, parseAnyDirectory } from '../../generator/terms/release-location.ts';
import type { Reason } from '../../generator/explain/reason.ts';
import { formatJson } from '../../generator/terms/text.ts';
import type { PublishableFile } from '../../generator/gate/checked-file.ts';
import { type AddedSignature, type Publication, nameDifference } from './publication.ts';

export const EVENT_TYPES = {
  published: 'dev.lookaside.generation.published',
  refused: 'dev.lookaside.pull.refused',
} as const;

export type EventKind = keyof typeof EVENT_TYPES;

/** An image that nodes asked for and that has no signature. */
export interface MissingImage {
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

/** Who sends events, and about what. */
export interface EventOrigin {
  /** A URI for the signature repository; nothing secret is in it. */
  readonly source: string;
  /** What else tells one server's state from another's of the same repository. */
  readonly branch: () => string | undefined;
  readonly path: string;
  /** Where nodes find the store; undefined if that is not configured. */
  readonly store: string | undefined;
  /** The name of this host or pod. */
  readonly replica: string;
}

/** An event, before it is known what was dropped before it. */
export interface MadeEvent {
  readonly kind: EventKind;
  readonly id: string;
  /** One line of JSON, an object. */
  readonly text: string;
  /** Of the text. */
  readonly bytes: number;
}

/** Locations of each kind that an event names. */
const NAMED = 20;
/** What everybody between us and a receiver has to let through (CloudEvents 1.0, "Size Limits"). */
const MOST_BYTES = 64 * 1024;

/** A state that came into force. */
export function makePublishedEvent(
  origin: EventOrigin,
  publication: Publication,
  { author, committer, committedAt }: StateOrigin,
): MadeEvent {
  const { generation, before, signatures, isInitial, cause, difference } = publication;
  const branch = origin.branch();
  const id = nameDifference([origin.source, branch, origin.path], publication);
  const make = (named: number) => ({
    commit: generation.commit,
    before,
    branch,
    author,
    committer,
    committedAt,
    cause,
    initial: isInitial,
    generation: generation.number,
    signatures,
    counts: {
      added: difference.added.length,
      removed: difference.removed.length,
      rejected: difference.rejected.length,
    },
    added: difference.added.slice(0, named).map(toAdded),
    removed: difference.removed.slice(0, named).map(toHeldSignature),
    rejected: difference.rejected.slice(0, named).map(toRejectedFile),
    ...facts(origin),
  });
  const head = { id, time: generation.loadedAt, subject: generation.commit ?? undefined };
  return makeSmallEnough('published', origin, head, [NAMED, 1, 0], make);
}

/** A missing signature. */
export function makeRefusedEvent(
  origin: EventOrigin,
  pull: MissingImage,
  { reason, commit, omitted }: MissingFacts,
): MadeEvent {
  const { repository, digestHex } = parseAnyDirectory(pull.directory) ?? {};
  const make = (told: object | null) => ({
    repository,
    digest: `sha256:${digestHex}`,
    ...(isReleaseDirectory(pull.directory) && { release: true }),
    count: pull.count,
    firstSeen: new Date(pull.firstSeen).toISOString(),
    lastSeen: new Date(pull.lastSeen).toISOString(),
    clients: pull.clients,
    hasMoreClients: pull.hasMoreClients,
    reason: told,
    commit,
    omitted,
    ...facts(origin),
  });
  const head = {
    id: randomUUID(),
    time: new Date(pull.lastSeen).toISOString(),
    subject: pull.directory,
  };
  const short = reason && { code: reason.code, next: reason.next };
  return makeSmallEnough('refused', origin, head, [reason, short], make);
}

/** What else there is to say of it. */
export interface MissingFacts {
  /** Null where it is not found out yet. */
  readonly reason: Reason | null;
  /** The commit that is served. */
  readonly commit: string | null;
  /** How many images have got no event since the last such event, as there were too many. */
  readonly omitted: number;
}

/** The text of an event that follows others which did not get through. */
export function tellDropped(text: string, dropped: number): string {
  // An attribute of ours, as all are: lower-case letters only.
  return dropped === 0 ? text : `${text.slice(0, -1)},"droppedbefore":${dropped}}`;
}

/** A signature that is served from now on, as events and the audit log have it. */
export function toAdded({ file, directory, number }: AddedSignature): object {
  return {
    ...toHeldSignature(file),
    servedAs: `/${formatLocation(directory, number)}`,
  };
}

/** A signature that was served, in the same way. */
export function toHeldSignature({ path, signature }: PublishableFile): object {
  return {
    path,
    signer: signature.signer?.primaryFingerprint ?? null,
    identity: signature.claims.dockerReference,
  };
}

/** A file that is rejected from now on, in the same way. */
export function toRejectedFile({ path, code }: RejectedFile): object {
  return { path, code };
}

function facts({ store, replica }: EventOrigin): object {
  return { store, replica };
}

interface Head {
  readonly id: string;
  readonly time: string;
  readonly subject: string | undefined;
}

/** Makes the data of the first choice for which there is room, or else of the last one. */
function makeSmallEnough<Choice>(
  kind: EventKind,
  { source }: EventOrigin,
  { id, time, subject }: Head,
  choices: readonly Choice[],
  make: (choice: Choice) => object,
): MadeEvent {
  let made: MadeEvent = { kind, id, text: '', bytes: Infinity };
  for (const choice of choices) {
    if (made.bytes <= MOST_BYTES) break;
    const attributes = { specversion: '1.0', type: EVENT_TYPES[kind], source, id, time, subject };
    const data = make(choice);
    const text = formatJson({ ...attributes, datacontenttype: 'application/json', data });
    made = { kind, id, text, bytes: Buffer.byteLength(text) };
  }
  return made;
}
