import type { Random } from './random.ts';

const ENDS = ['\n', ' \r\n\t', '\0', '{}', ',', '}', 'null', '//', '\f', '\u00a0', '\ufeff', 'x'];
const INSERTS = [
  [0xff],
  [0xc0, 0x80],
  [0xed, 0xa0, 0x80],
  [0],
  [9],
  [0x1f],
  [0x7f],
  [0x22],
  [0x2c],
];

/** A fault of a text as a whole, and what it is. */
export function changeText(random: Random, bytes: Buffer): { what: string; bytes: Buffer } {
  const at = random.below(bytes.length + 1);
  const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
  const end = random.pick(ENDS);
  const insert = random.pick(INSERTS);
  return random.pick([
    () => ({
      what: `${JSON.stringify(end)} after it`,
      bytes: Buffer.concat([bytes, Buffer.from(end)]),
    }),
    () => ({
      what: `${JSON.stringify(end)} before it`,
      bytes: Buffer.concat([Buffer.from(end), bytes]),
    }),
    () => ({
      what: `0x${Buffer.from(insert).toString('hex')} at ${at}`,
      bytes: Buffer.concat([head, Buffer.from(insert), tail]),
    }),
    () => ({ what: `cut to ${at} bytes`, bytes: head }),
    () => ({ what: 'in UTF-16', bytes: Buffer.from(bytes.toString('latin1'), 'utf16le') }),
    () => ({ what: `one byte less at ${at}`, bytes: Buffer.concat([head, tail.subarray(1)]) }),
  ])();
}
