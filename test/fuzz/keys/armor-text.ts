export interface ArmorOptions {
  readonly newline?: string;
  /** The line in front of END; a right checksum unless told, none for ''. */
  readonly checksum?: string;
}

/** Armor as gpg writes it, of any type. */
export function formatArmor(label: string, bytes: Uint8Array, options: ArmorOptions = {}): Buffer {
  const { newline = '\n', checksum = formatChecksum(bytes) } = options;
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  const end = [...(checksum === '' ? [] : [checksum]), `-----END PGP ${label}-----`, ''];
  return Buffer.from([`-----BEGIN PGP ${label}-----`, '', ...lines, ...end].join(newline));
}

/** RFC 9580, section 6.1. */
function formatChecksum(bytes: Uint8Array): string {
  let crc = 0xb704ce;
  for (const byte of bytes) {
    crc ^= byte << 16;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x800000 ? (crc << 1) ^ 0x1864cfb : crc << 1;
    crc &= 0xffffff;
  }
  const octets = Buffer.alloc(3);
  octets.writeUIntBE(crc, 0, 3);
  return `=${octets.toString('base64')}`;
}
