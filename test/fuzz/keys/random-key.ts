// Keys at random: what gpg makes, and what nobody should.
import type { Random } from '../random.ts';
import type { Subpacket } from '../subpacket.ts';
import { formatArmor } from './armor-text.ts';
import {
  CRAFTED_ALGORITHMS,
  type CraftedKey,
  type CraftedSignature,
  craftKey,
  crossCertify,
  frame,
  packetOf,
  signMessage,
  signPrimary,
  signSubkey,
  signUser,
} from './crafted-key.ts';

/** Key files for one keyring, and messages by the keys in them. */
export interface KeyCase {
  readonly what: string;
  readonly files: readonly Buffer[];
  readonly keys: readonly CraftedKey[];
  readonly messages: readonly KeyMessage[];
}

interface KeyMessage {
  readonly signer: CraftedKey;
  /** Seconds since 1970. */
  readonly signed: number;
  readonly bytes: Buffer;
}

const DAY = 86_400;
const NEVER = -1;
const UNKNOWN_CRITICAL: Subpacket = { type: 110, data: Buffer.of(1), critical: true };
const NOT_EXPORTABLE: Subpacket = { type: 4, data: Buffer.of(0) };
const EMPTY_FLAGS: Subpacket = { type: 27, data: Buffer.alloc(0) };
const SECOND_EXPIRY: Subpacket = { type: 9, data: Buffer.of(0, 0, 1, 0) };
/** Known to GnuPG, and one that is not. */
const NOTATIONS = ['pka-address@gnupg.org', 'nobody@example.test'].map((name): Subpacket => {
  const lengths = Buffer.of(0x80, 0, 0, 0, 0, name.length, 0, 1);
  return { type: 20, data: Buffer.concat([lengths, Buffer.from(`${name}x`)]), critical: true };
});

/** A case as of a time (seconds since 1970); from the same choices, but with new keys. */
export function makeKeyCase(random: Random, now: number): KeyCase {
  return new KeyMaker(random, now).make();
}

class KeyMaker {
  readonly #random: Random;
  readonly #now: number;
  readonly #told: string[] = [];
  /** Few, so that several signatures are of the same second. */
  readonly #dates: readonly number[];
  readonly #key: CraftedKey;
  readonly #others: CraftedKey[] = [];
  readonly #signers: CraftedKey[] = [];

  constructor(random: Random, now: number) {
    this.#random = random;
    this.#now = now;
    const algorithm = random.chance(0.6) ? 'ed25519' : random.pick(CRAFTED_ALGORITHMS);
    const created = now - 400 * DAY - random.below(100_000) + (random.chance(0.02) ? 900 * DAY : 0);
    this.#told.push(algorithm);
    this.#key = craftKey(algorithm, created);
    this.#signers.push(this.#key);
    this.#dates = [0, 0, 10, 100, 300, 300, 390, 800, -5].map((days) => created + days * DAY);
  }

  make(): KeyCase {
    const random = this.#random;
    const parts = this.#parts();
    const first = this.#order(parts);
    const files = [this.#finish(first)];
    if (random.chance(0.25)) files.push(this.#again(parts));
    // gpg takes longer over messages than over keys.
    const signers = random.chance(0.4) ? this.#signers : [];
    return {
      what: this.#told.join(', '),
      files,
      keys: [this.#key, ...this.#others],
      messages: signers.map((signer) => {
        const signed = this.#now - random.pick([0, 5, 200]) * DAY;
        return { signer, signed, bytes: signMessage(signer, 'payload', signed) };
      }),
    };
  }

  #tell(what: string): void {
    this.#told.push(what);
  }

  #parts(): Buffer[] {
    const random = this.#random;
    const own = this.#some([0, 0, 0, 1, 2], () => this.#direct());
    if (random.chance(0.08)) own.push(this.#revocation());
    if (random.chance(0.06)) own.push(...this.#designate());
    const users = this.#some([0, 1, 1, 1, 2, 3], () => this.#user()).flat();
    const subkeys = this.#some([0, 0, 1, 2], () => this.#subkey()).flat();
    return [packetOf.primary(this.#key), ...own, ...users, ...subkeys];
  }

  #some<Made>(counts: readonly number[], make: () => Made): Made[] {
    return Array.from({ length: this.#random.pick(counts) }, make);
  }

  /** A signature of any kind; mostly good. */
  #spec(type: number): CraftedSignature {
    const random = this.#random;
    const odd = (chance: number): boolean => random.chance(chance);
    const lifetimes = [NEVER, NEVER, NEVER, 0, 20 * DAY, 800 * DAY, 500 * DAY];
    const more = [
      ...(odd(0.03) ? [UNKNOWN_CRITICAL] : []),
      ...(odd(0.02) ? [NOT_EXPORTABLE] : []),
      ...(odd(0.03) ? [SECOND_EXPIRY] : []),
      ...(odd(0.02) ? [EMPTY_FLAGS] : []),
      ...(odd(0.03) ? [random.pick(NOTATIONS)] : []),
    ];
    const keyLifetime = odd(0.02) ? 0xf0000000 : random.pick(lifetimes);
    const spec: CraftedSignature = {
      type,
      created: random.pick(this.#dates),
      hash: random.pick([8, 8, 8, 10, 10, 9, 2, 3, 1, 11]),
      ...(odd(0.05) ? { version: 3 } : {}),
      ...(odd(0.1) ? { lifetime: random.pick([DAY, 20 * DAY, 2000 * DAY]) } : {}),
      ...(keyLifetime === NEVER ? {} : { keyLifetime }),
      ...(odd(0.3) ? { flags: random.pick([0, 1, 2, 3, 0x20, 0x40, 4, null]) } : {}),
      issuer: odd(0.1) ? random.pick(['key ID', 'fingerprint', 'wrong', 'none']) : 'both',
      hashedMore: more,
      unhashedMore: odd(0.02) ? [UNKNOWN_CRITICAL] : [],
      isForged: odd(0.08),
    };
    this.#tell(describe(spec, this.#key.created));
    return spec;
  }

  #direct(): Buffer {
    return signPrimary(this.#key, this.#spec(0x1f));
  }

  #revocation(): Buffer {
    return signPrimary(this.#key, this.#spec(0x20));
  }

  /** Another key may revoke this one; its key may be there. */
  #designate(): Buffer[] {
    const other = craftKey('ed25519', this.#key.created);
    const data = Buffer.concat([Buffer.of(0x80, 22), Buffer.from(other.fingerprint, 'hex')]);
    const names = { ...this.#spec(0x1f), hashedMore: [{ type: 12, data }] };
    this.#others.push(other);
    this.#tell('designated revoker');
    return [
      signPrimary(this.#key, names),
      ...(this.#random.chance(0.7) ? [signPrimary(other, this.#spec(0x20), this.#key)] : []),
    ];
  }

  #user(): Buffer[] {
    const random = this.#random;
    const isPhoto = random.chance(0.1);
    const long = random.pick([2038, 2039, 2048, 2049]);
    const name = isPhoto
      ? Buffer.from([3, 1, random.below(3), 7])
      : Buffer.from(random.chance(0.03) ? 'x'.repeat(long) : random.pick(['a', 'b', 'c', '']));
    const types = [0x10, 0x11, 0x12, 0x13, 0x13, 0x13, 0x30];
    this.#tell(isPhoto ? 'photo' : `user ${name.length > 9 ? name.length : name.toString()}`);
    const signatures = this.#some([0, 1, 1, 1, 2, 3, 4], () =>
      signUser(this.#key, name, this.#spec(random.pick(types)), isPhoto),
    );
    return [isPhoto ? packetOf.photo(name) : packetOf.user(name), ...signatures];
  }

  #subkey(): Buffer[] {
    const random = this.#random;
    const algorithm = random.chance(0.5) ? 'ed25519' : random.pick(CRAFTED_ALGORITHMS);
    // Some have the same numbers: by the second they are others.
    const second = algorithm === 'ed25519' ? 0 : 1 + this.#signers.length;
    const days = random.pick([0, 0, 10, 10, 600]);
    const subkey = craftKey(algorithm, this.#key.created + days * DAY + second);
    this.#signers.push(subkey);
    this.#tell('subkey');
    const bindings = this.#some([0, 1, 1, 1, 2, 3], () => {
      const type = random.chance(0.1) ? 0x28 : 0x18;
      const spec = this.#spec(type);
      if (random.chance(0.2)) return signSubkey(this.#key, subkey, spec);
      const back = crossCertify(this.#key, subkey, {
        created: random.pick([...this.#dates, subkey.created, subkey.created]),
        hash: random.pick([8, 10, 2, 1]),
        isForged: random.chance(0.1),
      });
      const place = random.chance(0.5) ? 'hashedMore' : 'unhashedMore';
      return signSubkey(this.#key, subkey, { ...spec, [place]: [...(spec[place] ?? []), back] });
    });
    return [packetOf.subkey(subkey), ...bindings];
  }

  /** Now and then not in the order of the specification. */
  #order(parts: readonly Buffer[]): Buffer[] {
    const [primary = Buffer.alloc(0), ...rest] = parts;
    const ordered = [...rest];
    for (let left = this.#random.pick([0, 0, 0, 0, 1, 2, 5]); left > 0; left--) {
      const [moved] = ordered.splice(this.#random.below(ordered.length), 1);
      if (!moved) continue;
      ordered.splice(this.#random.below(ordered.length + 1), 0, moved);
      this.#tell('moved');
    }
    if (rest.length > 0 && this.#random.chance(0.05)) {
      ordered.push(this.#random.pick(rest));
      this.#tell('repeated');
    }
    return [primary, ...ordered];
  }

  /** Some of it once more, as another file of the same keyring. */
  #again([primary = Buffer.alloc(0), ...rest]: readonly Buffer[]): Buffer {
    const random = this.#random;
    if (random.chance(0.1)) {
      this.#tell('a revocation alone');
      return this.#revocation();
    }
    this.#tell('again');
    const more = random.chance(0.5) ? this.#user() : [this.#direct()];
    const kept = rest.filter(() => random.chance(0.7));
    return this.#finish([primary, ...(random.chance(0.5) ? [...more, ...kept] : kept)]);
  }

  /** With packets that are no part of it, in armor or not, whole or not. */
  #finish(parts: readonly Buffer[]): Buffer {
    const random = this.#random;
    const all = [...parts];
    if (random.chance(0.15)) {
      const stray = random.pick(STRAY);
      all.splice(1 + random.below(all.length), 0, stray.bytes);
      this.#tell(stray.what);
    }
    for (const other of this.#others) {
      if (random.chance(0.6))
        all.push(certified(other, random.chance(0.2) ? [NOT_EXPORTABLE] : []));
    }
    let bytes = Buffer.concat(all);
    if (random.chance(0.02)) {
      bytes = bytes.subarray(0, random.below(bytes.length));
      this.#tell(`cut at ${bytes.length}`);
    }
    if (!random.chance(0.2)) return bytes;
    this.#tell('armor');
    return formatArmor('PUBLIC KEY BLOCK', bytes, random.chance(0.1) ? { checksum: '' } : {});
  }
}

function certified(key: CraftedKey, hashedMore: readonly Subpacket[]): Buffer {
  const signature = signUser(key, 'other', { type: 0x13, created: key.created, hashedMore });
  return Buffer.concat([packetOf.primary(key), packetOf.user('other'), signature]);
}

const strayBody = (version: number, length = 40): Buffer =>
  Buffer.from([version, ...Array.from({ length }, () => 1)]);
const STRAY: readonly { readonly what: string; readonly bytes: Buffer }[] = [
  { what: 'marker', bytes: frame(10, Buffer.from('PGP')) },
  { what: 'no marker', bytes: frame(10, Buffer.from('PG')) },
  { what: 'trust', bytes: frame(12, Buffer.of(0, 0)) },
  { what: 'padding', bytes: frame(21, Buffer.alloc(5)) },
  { what: 'tag 39', bytes: frame(39, Buffer.alloc(5)) },
  { what: 'tag 60', bytes: frame(60, Buffer.alloc(5)) },
  { what: 'literal', bytes: frame(11, Buffer.from('b\0\0\0\0\0x', 'latin1')) },
  { what: 'version 3 key', bytes: frame(6, strayBody(3)) },
  { what: 'version 5 key', bytes: frame(6, strayBody(5)) },
  { what: 'version 6 key', bytes: frame(6, strayBody(6)) },
  { what: 'version 6 subkey', bytes: frame(14, strayBody(6)) },
  { what: 'version 3 subkey', bytes: frame(14, strayBody(3)) },
  { what: 'version 5 signature', bytes: frame(2, strayBody(5)) },
  { what: 'short signature', bytes: frame(2, strayBody(4, 5)) },
  { what: 'unknown subkey', bytes: frame(14, Buffer.from([4, 1, 1, 1, 1, 99, 1, 1, 1, 1, 1, 1])) },
  { what: 'line break', bytes: Buffer.from('\n') },
];

function describe(spec: CraftedSignature, born: number): string {
  const { type, created, hash, version, keyLifetime, lifetime, flags, issuer, isForged } = spec;
  const facts = [
    type.toString(16),
    `@${(created - born) / DAY}`,
    hash === 8 ? '' : `hash ${hash}`,
    version ? 'v3' : '',
    keyLifetime === undefined ? '' : `key ${keyLifetime / DAY}`,
    lifetime === undefined ? '' : `for ${lifetime / DAY}`,
    flags === undefined ? '' : `flags ${flags}`,
    issuer === 'both' ? '' : `issuer ${issuer}`,
    isForged ? 'forged' : '',
    ...(spec.hashedMore ?? []).map((one) => `has ${one.type}`),
    ...(spec.unhashedMore ?? []).map((one) => `unhashed ${one.type}`),
  ];
  return facts.filter(Boolean).join(' ');
}
