// Changes of a file that look at no packet: damage, additions, frames.
import { type Mutated, type Mutation, mutateContent } from './mutation.ts';
import type { Random } from './random.ts';

/** Frames that nodes know, do not know, or stumble over. */
const FRAMES: readonly Buffer[] = [
  '\0simple-signing\n',
  '\0simple-signing\n',
  '\0simple-signing\n',
  '\0sigstore-json\n',
  '\0other\n',
  '\0\n',
  '\0',
  '\0simple-signing',
  '\0simple-signing\r\n',
  '\0Simple-Signing\n',
  '\0simple signing\n',
  '\0\xe4\n',
  '\0a\tb\n',
  '\n',
  '\xef\xbb\xbf',
].map((text) => Buffer.from(text, 'latin1'));

/** Whole files of other kinds. */
const FILES: readonly string[] = [
  '',
  '\0sigstore-json\n{}',
  '\0sigstore-json\nnull',
  '\0sigstore-json\n[]',
  '\0sigstore-json\n"x"',
  '\0sigstore-json\n',
  '\0sigstore-json\n{"mimeType":"x","payload":"eA==","annotations":{"a":"b"}}',
  '\0sigstore-json\n{"MimeType":"x","PAYLOAD":"eA==","annotationS":null}',
  '\0sigstore-json\n{"mimeType":"x","mimeType":1}',
  '\0sigstore-json\n{"payload":"eA","mimeType":null}',
  '\0sigstore-json\n{"payload":"e A=="}',
  '\0sigstore-json\n{"payload":"eA==\\n"}',
  '\0sigstore-json\n{"payload":"eB=="}',
  '\0sigstore-json\n{"payload":"_-=="}',
  '\0sigstore-json\n{"payload":[1,2,300]}',
  '\0sigstore-json\n{"payload":[1,2]}',
  '\0sigstore-json\n{"payload":null,"annotations":{"a":null}}',
  '\0sigstore-json\n{"annotations":{"a":1}}',
  '\0sigstore-json\n{"annotations":[]}',
  '\0sigstore-json\n{"Annotations":{"a":1}}',
  '\0sigstore-json\n{"unknown":1e999}',
  '\0sigstore-json\n{"mimeType":"\xff"}',
  '\0sigstore-json\n{} x',
  '\0sigstore-json\n\xef\xbb\xbf{}',
  '\0simple-signing\n',
  '<html></html>',
  '{}',
  '=',
  '=aaaa',
  '\x88',
  '\xa3\x01',
  '\x90',
];

export const BYTE_MUTATIONS: readonly Mutation[] = [
  { kind: 'bit flipped', apply: flipBit },
  {
    kind: 'bit flipped inside',
    apply: (random, bytes) => mutateContent(random, bytes, (content) => flipBit(random, content)),
  },
  {
    kind: 'byte removed or added',
    apply: (random, bytes) =>
      mutateContent(random, bytes, (content) => {
        const at = random.below(content.length + 1);
        const isRemoved = random.chance(0.5);
        const between = isRemoved ? Buffer.alloc(0) : random.bytes(1);
        const tail = content.subarray(isRemoved ? at + 1 : at);
        const changed = Buffer.concat([content.subarray(0, at), between, tail]);
        return { what: `a byte ${isRemoved ? 'less' : 'more'} at ${at}`, bytes: changed };
      }),
  },
  {
    kind: 'truncated',
    apply: (random, bytes) => {
      const cut = random.chance(0.5) ? random.below(8) + 1 : random.below(bytes.length + 1);
      const length = Math.max(0, bytes.length - cut);
      return { what: `${cut} bytes cut`, bytes: bytes.subarray(0, length) };
    },
  },
  {
    kind: 'trailing bytes',
    apply: (random, bytes) => {
      const end = random.pick([
        Buffer.from('\n'),
        Buffer.from('\0'),
        Buffer.from('\r\n'),
        Buffer.alloc(20),
        random.bytes(1),
        random.bytes(50),
      ]);
      return append(random, bytes, `0x${end.subarray(0, 4).toString('hex')}… after it`, end);
    },
  },
  {
    kind: 'second message',
    apply: (random, bytes) => append(random, bytes, 'itself again after it', bytes),
  },
  {
    kind: 'first byte',
    apply: (random, bytes) => {
      const first = random.chance(0.5) ? random.below(256) : 0x80 + random.below(0x80);
      const changed = Buffer.concat([Buffer.from([first]), bytes.subarray(1)]);
      return { what: `first byte 0x${first.toString(16)}`, bytes: changed };
    },
  },
  {
    kind: 'frame',
    apply: (random, bytes) => {
      const frame = random.pick(FRAMES);
      const what = `${JSON.stringify(frame.toString('latin1'))} before it`;
      return { what, bytes: Buffer.concat([frame, bytes]) };
    },
  },
  {
    kind: 'other file',
    apply: (random) => {
      const text = random.pick(FILES);
      return { what: JSON.stringify(text), bytes: Buffer.from(text, 'latin1') };
    },
  },
];

function flipBit(random: Random, bytes: Buffer): Mutated | undefined {
  if (bytes.length === 0) return undefined;
  const at = random.below(bytes.length);
  const bit = random.below(8);
  const changed = Buffer.from(bytes);
  changed.writeUInt8(changed.readUInt8(at) ^ (1 << bit), at);
  return { what: `bit ${bit} at ${at} of ${bytes.length}`, bytes: changed };
}

/** Appends to the file, or inside of its compression. */
function append(random: Random, bytes: Buffer, what: string, end: Buffer): Mutated | undefined {
  if (random.chance(0.5)) return { what, bytes: Buffer.concat([bytes, end]) };
  return mutateContent(random, bytes, (content) => ({
    what,
    bytes: Buffer.concat([content, end]),
  }));
}
