import * as openpgp from 'openpgp';

interface Signs {
  readonly sign: (...args: readonly unknown[]) => Promise<void>;
}

/**
 * A new key that takes the primary key of another as a subkey of its own, without asking it: whoever has a
 * public key can make one. Both armored.
 */
export async function makeAdoptingKey(victim: string): Promise<string> {
  const { keyPacket: wanted } = await openpgp.readKey({ armoredKey: victim });
  const { privateKey } = await openpgp.generateKey({
    type: 'ecc',
    userIDs: [{ name: 'Adopter', email: 'adopter@example.com' }],
    subkeys: [],
    format: 'object',
  });
  const own = privateKey.keyPacket;
  if (!(own instanceof openpgp.SecretKeyPacket)) throw new Error('expected a private key');
  const bind = new openpgp.PublicSubkeyPacket();
  await bind.read(wanted.write());
  const binding = Object.assign(new openpgp.SignaturePacket(), {
    signatureType: openpgp.enums.signature.subkeyBinding,
    publicKeyAlgorithm: own.algorithm,
    hashAlgorithm: openpgp.enums.hash.sha512,
    keyFlags: new Uint8Array([openpgp.enums.keyFlags.signData]),
  });
  // The types know neither the parts of what is signed nor the last two parameters.
  const untyped: unknown = binding;
  await (untyped as Signs).sign(own, { key: own, bind }, new Date(), false, openpgp.config);
  const packets = privateKey.toPublic().toPacketList();
  packets.push(bind, binding);
  const { publicKey } = openpgp.enums.armor;
  return openpgp.armor(publicKey, packets.write(), undefined, undefined, undefined, true);
}
