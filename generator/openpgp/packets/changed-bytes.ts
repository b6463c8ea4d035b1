// What editors, git and terminals do to a binary file that they take for text. It is said only where
// undoing it gives a whole message, so a cure that is told here is one that helps.
import { REJECTIONS, type Rejection, type RejectionCode, reject } from '../../terms/rejection.ts';
import { readPlainMessage } from './plain-message.ts';

interface Change {
  /** What the file is then, behind "got". */
  readonly got: string;
  /** Undoes it in place; FILE stands for the file. */
  readonly cure: string;
  /** The bytes as they were; undefined where this was not done to them. */
  readonly undo: (bytes: Uint8Array) => Uint8Array | undefined;
}

const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;
const WHITE_SPACE: ReadonlySet<number> = new Set([0x09, LINE_FEED, CARRIAGE_RETURN, 0x20]);
const MARK = Buffer.from('\ufeff');
/** Nobody leaves more blank lines. Bytes. */
const MOST_BLANK = 64;
/** Far more than any signature has, and little to try all changes on. Bytes. */
const MOST_BYTES = 64 * 1024;
const DOES_NOT = 'keep git from changing bytes with `* -text` in .gitattributes';

const CHANGES: readonly Change[] = [
  {
    got: 'one whose line ends git or an editor changed from LF to CRLF',
    cure: String.raw`perl -pi -e 's/\r\n/\n/' FILE`,
    undo: withoutCarriageReturns,
  },
  {
    got: 'one that was read as Latin-1 and written as UTF-8',
    cure: 'iconv -f UTF-8 -t LATIN1 FILE > FILE.new && mv FILE.new FILE',
    undo: fromUtf8,
  },
  {
    got: 'a byte order mark before it',
    cure: 'tail -c +4 FILE > FILE.new && mv FILE.new FILE',
    undo: (bytes) =>
      MARK.equals(bytes.subarray(0, MARK.length)) ? bytes.subarray(MARK.length) : undefined,
  },
];

/** The fault of a message that was whole before its bytes were changed; undefined for any other. */
export function describeChangedBytes(
  code: RejectionCode,
  bytes: Uint8Array,
  maxInflatedBytes: number,
): Rejection | undefined {
  if (bytes.length > MOST_BYTES) return undefined;
  const isWhole = (restored: Uint8Array | undefined): boolean =>
    restored !== undefined && readPlainMessage(restored, maxInflatedBytes) !== undefined;
  const change = CHANGES.find(({ undo }) => isWhole(undo(bytes)));
  const blank = countBlank(bytes);
  const found =
    change ??
    (blank > 0 && isWhole(bytes.subarray(blank))
      ? {
          got: `${countBytes(blank)} (${nameBlank(bytes.subarray(0, blank))}) before it`,
          cure: `tail -c +${blank + 1} FILE > FILE.new && mv FILE.new FILE`,
        }
      : undefined);
  if (!found) return undefined;
  const hint = `Undo it with \`${found.cure}\`, and ${DOES_NOT}.`;
  return reject(code, `expected an OpenPGP message, got ${found.got}`, { hint });
}

/** The fault of a message with bytes behind it that are no packets; `isWhole` says whether it is one without them. */
export function describeBytesBehind(behind: Uint8Array, isWhole: boolean): Rejection {
  const what = nameBlank(behind);
  const got = `${countBytes(behind.length)} (${what}) behind the message`;
  const hint = isWhole
    ? `An editor or git changed the file: cut them off with \`truncate -s -${behind.length} FILE\`, and ${DOES_NOT}.`
    : REJECTIONS['bad-signature'].cure;
  return reject('malformed', `expected the end of the file, got ${got}`, { hint });
}

function countBytes(count: number): string {
  return count === 1 ? '1 byte' : `${count} bytes`;
}

function nameBlank(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('latin1');
  if (text === '\n' || text === '\r\n') return 'line break';
  if (/^[\r\n]+$/.test(text)) return 'line breaks';
  if (/^\s+$/.test(text)) return 'white space';
  return bytes.every((byte) => byte === 0) ? 'zeros' : 'no OpenPGP packet';
}

function countBlank(bytes: Uint8Array): number {
  let blank = 0;
  while (blank < MOST_BLANK && WHITE_SPACE.has(bytes[blank] ?? 0)) blank++;
  return blank;
}

function withoutCarriageReturns(bytes: Uint8Array): Uint8Array | undefined {
  const kept = bytes.filter((byte, at) => byte !== CARRIAGE_RETURN || bytes[at + 1] !== LINE_FEED);
  return kept.length < bytes.length ? kept : undefined;
}

function fromUtf8(bytes: Uint8Array): Uint8Array | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const restored = Buffer.from(text, 'latin1');
    // Above Latin-1 only one byte of two would be left.
    return text.length < bytes.length && restored.toString('latin1') === text
      ? restored
      : undefined;
  } catch {
    return undefined;
  }
}
