// Payloads of signatures: claims as container tools write them, and with every fault that
// JSON text can have.
import { HEX, PLACES, type Place } from './place.ts';
import type { Random } from './random.ts';
import {
  type Json,
  type Member,
  escapeText,
  formatJson,
  membersOf,
  objectsOf,
} from './raw-json.ts';
import { changeText } from './text-faults.ts';
import { DIGESTS, REFERENCES, VALUES } from './payload-values.ts';

export interface Payload {
  /** What was done to it. */
  readonly what: string;
  readonly place: Place;
  readonly bytes: Buffer;
}

const UNKNOWN_NAMES = ['"x"', '""', '"__proto__"', '"constructor"', '"Critical"', '"toString"'];

/** Claims without a fault; `padding` bytes are added in `optional`. */
export function validPayload(place: Place, padding = 0): Buffer {
  const tree = validTree(place);
  const optional = tree[1]?.value;
  if (padding > 0 && Array.isArray(optional)) {
    optional.push({ name: '"padding"', value: JSON.stringify('x'.repeat(padding)) });
  }
  return Buffer.from(formatJson(tree));
}

function validTree(place: Place): Member[] {
  const reference = JSON.stringify(`${place}:tag`);
  const digest = JSON.stringify(`sha256:${HEX}`);
  const identity = [{ name: '"docker-reference"', value: reference }];
  const image = [{ name: '"docker-manifest-digest"', value: digest }];
  const critical = [
    { name: '"identity"', value: identity },
    { name: '"image"', value: image },
    { name: '"type"', value: '"atomic container signature"' },
  ];
  const optional = [
    { name: '"creator"', value: '"fuzz"' },
    { name: '"timestamp"', value: '1700000000' },
  ];
  return [
    { name: '"critical"', value: critical },
    { name: '"optional"', value: optional },
  ];
}

/** Claims with one to three changes. */
export function makePayload(random: Random): Payload {
  const place = random.pick(PLACES);
  const tree = validTree(place);
  const what: string[] = [];
  for (let left = random.pick([1, 1, 1, 2, 3]); left > 0; left--) {
    what.push(random.pick(CHANGES)(random, tree, place));
  }
  let bytes: Buffer = Buffer.from(formatJson(tree, random.chance(0.1) ? ' \n\t\r' : ''));
  if (random.chance(0.3)) {
    const change = changeText(random, bytes);
    what.push(change.what);
    ({ bytes } = change);
  }
  return { what: what.join(', '), place, bytes };
}

type Change = (random: Random, tree: Member[], place: Place) => string;

const CHANGES: readonly Change[] = [
  (random, tree) => {
    const members = random.pick(objectsOf(tree));
    if (members.length === 0) return 'nothing';
    const [dropped] = members.splice(random.below(members.length), 1);
    return `dropped ${dropped?.name}`;
  },
  (random, tree) => {
    const members = random.pick(objectsOf(tree));
    if (members.length === 0) return 'nothing';
    const { name, value } = random.pick(members);
    const copy = random.pick([name, escapeText(random, name), name.toUpperCase()]);
    const copied = random.pick([value, 'null', '""', '[]']);
    members.splice(random.below(members.length + 1), 0, { name: copy, value: copied });
    return `doubled ${name} as ${copy}:${clip(copied)}`;
  },
  (random, tree) => {
    const member = random.pick(membersOf(tree));
    const { name } = member;
    const other = ['"X"', name.toUpperCase(), name.replace('"', '" '), capitalize(name)];
    member.name = random.pick([escapeText(random, name), ...other]);
    return `renamed ${name} to ${member.name}`;
  },
  (random, tree) => {
    const name = random.pick(UNKNOWN_NAMES);
    const value = random.pick(VALUES);
    const members = random.pick(objectsOf(tree));
    members.splice(random.below(members.length + 1), 0, { name, value });
    return `added ${name}:${clip(value)}`;
  },
  (random, tree) => {
    const value = random.pick(VALUES);
    const optional = objectsOf(tree).at(-1);
    const name = random.pick(['"other"', '"creator"', '"timestamp"']);
    optional?.push({ name, value });
    return `added ${name}:${clip(value)} at the end of the last object`;
  },
  (random, tree) => setValue(random.pick(membersOf(tree)), random.pick(VALUES)),
  (random, tree) => setValue(random.pick(membersOf(tree)), random.pick(['{}', '[]', 'null'])),
  (random, tree) => setNamed(tree, '"timestamp"', random.pick(VALUES)),
  (random, tree) => setNamed(tree, '"creator"', random.pick(VALUES)),
  (random, tree, place) => setNamed(tree, '"docker-reference"', random.pick(REFERENCES)(place)),
  (random, tree, place) => setNamed(tree, '"docker-reference"', random.pick(REFERENCES)(place)),
  (random, tree, place) => setNamed(tree, '"docker-reference"', random.pick(REFERENCES)(place)),
  (random, tree) => setNamed(tree, '"docker-manifest-digest"', random.pick(DIGESTS)),
  (random, tree) => {
    const member = random.pick(membersOf(tree));
    if (typeof member.value !== 'string') return 'nothing';
    member.value = escapeText(random, member.value);
    return `escaped the value of ${member.name}`;
  },
  (_random, tree) => {
    tree.reverse();
    return 'reversed';
  },
];

function setValue(member: Member, value: string): string {
  member.value = value;
  return `${member.name}:${clip(value)}`;
}

function setNamed(tree: Member[], name: string, value: string): string {
  const member = membersOf(tree).find((one) => one.name === name);
  return member ? setValue(member, value) : 'nothing';
}

function capitalize(name: string): string {
  return name.slice(0, 2).toUpperCase() + name.slice(2);
}

function clip(json: Json): string {
  const text = formatJson(json);
  return text.length <= 60 ? text : `${text.slice(0, 57)}…`;
}
