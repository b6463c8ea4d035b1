// What is wrong with the server itself, in the words that operators read: the page, /status.json, a
// metric and an alert show the same list. There is at most one trouble of each kind, with the newest
// words. It lasts until whoever raised it clears it; where several parts of the server have the same
// trouble, as all that write to one directory, until the last of them does.
import { toLine } from '../../generator/terms/text.ts';

/** Every kind, with what it means to somebody who operates the server. */
export const TROUBLES = {
  'refresh-failed': 'The source cannot be read. The last good state is served.',
  'refresh-hanging': 'A refresh takes far longer than it should. The last good state is served.',
  'state-refused': 'The newest state of the source is refused. The last good one is served.',
  'peers-failing':
    'Other servers of the store cannot be told of pushes. They follow with their next poll.',
  'reload-failed':
    'A policy, secret or certificate cannot be read: what was in force stays. The other files are read all the same.',
  'keys-unusable':
    'Key files cannot be used. Those that were good keep their keys; scopes that need others are not judged.',
  'tls-certificate':
    'The TLS certificate has expired or is not valid yet: clients refuse to connect.',
  'no-process': 'No process can be started, so neither git nor gpgv can run. Lookups go on.',
  'signatures-lost':
    'A change of the source took away signatures of images that are still there, or most of all. Nodes may refuse these images.',
  'undecided-files':
    'Some files wait for a verdict: gpgv could not give one, or their scope has no keys.',
  'state-directory':
    'The state directory cannot be written. The next start is slower, or lacks what was good.',
  'access-log': 'The access log cannot be written.',
  'audit-log': 'The audit log cannot be written. Publications wait for it, or are missing in it.',
  events: 'Events cannot be delivered. They wait, or were dropped.',
  'clock-jumped': 'The clock was set to another time. Every verdict that depends on it is renewed.',
  'background-failure': 'A part of the server failed unexpectedly. Lookups go on.',
} as const satisfies Readonly<Record<string, string>>;

export type TroubleKind = keyof typeof TROUBLES;

export const TROUBLE_KINDS = Object.keys(TROUBLES) as readonly TroubleKind[];

/** What is said about a trouble. All of it may contain text of strangers. */
export interface TroubleWords {
  readonly message: string;
  readonly hint?: string | undefined;
  /** The commit that brought it, in full. */
  readonly commit?: string | undefined;
  /** The author of that commit, as the commit says. */
  readonly author?: string | undefined;
}

export interface Trouble extends TroubleWords {
  readonly kind: TroubleKind;
  /** When it began, ISO 8601. */
  readonly since: string;
}

export class Troubles {
  readonly #now: () => Date;
  /** What each part says about a kind, the newest words last. */
  readonly #lasting = new Map<TroubleKind, Map<string, Trouble>>();

  /** `now` gives the time of day. */
  constructor(now: () => Date) {
    this.#now = now;
  }

  /**
   * Notes a trouble, or new words for one that lasts. Every text becomes one printable line. `part`
   * says which part of the server has it, where there are several.
   */
  raise(kind: TroubleKind, { message, hint, commit, author }: TroubleWords, part = ''): void {
    const parts = this.#lasting.get(kind) ?? new Map<string, Trouble>();
    const [first] = parts.values();
    const since = first?.since ?? this.#now().toISOString();
    this.#lasting.set(kind, parts);
    parts.delete(part);
    parts.set(part, {
      kind,
      since,
      message: toLine(message),
      ...(hint !== undefined && { hint: toLine(hint) }),
      ...(commit !== undefined && { commit: toLine(commit) }),
      ...(author !== undefined && { author: toLine(author) }),
    });
  }

  /** The trouble is over for a part, or there was none. */
  clear(kind: TroubleKind, part = ''): void {
    const parts = this.#lasting.get(kind);
    parts?.delete(part);
    if (parts?.size === 0) this.#lasting.delete(kind);
  }

  /** All that last, the oldest first. */
  list(): readonly Trouble[] {
    return [...this.#lasting.values()].flatMap((parts) => [...parts.values()].slice(-1));
  }
}
