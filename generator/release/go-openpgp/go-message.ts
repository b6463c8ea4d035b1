// A signed message as Go reads it (x/crypto/openpgp, read.go): a one-pass signature, literal data, a signature.
import { type ByteStream, readAll } from './byte-stream.ts';
import { GoFault, catchFault } from './go-fault.ts';
import { type GoEntity, type GoSigner, findSigners } from './go-keyring.ts';
import { GO_HASHES } from './go-numbers.ts';
import { verifyGoSignature } from './go-public-key.ts';
import { type GoSignature, GO_SIGNATURE_TYPE } from './go-signature.ts';
import { type OnePassSignature, PacketReader } from './packet-reader.ts';

/** A message that could be read; what it says is untrusted unless `fault` is undefined and there is a signer. */
export interface GoMessage {
  readonly isSigned: boolean;
  /** The key that is said to have signed; undefined if the keyring has none by which a signature counts. */
  readonly signer: GoSigner | undefined;
  /** 16 lower-case hex digits; undefined if the message is not signed. */
  readonly keyId: string | undefined;
  readonly untrustedPayload: Uint8Array;
  /** The signature packet; undefined if the key is unknown, or if none could be read. */
  readonly signature: GoSignature | undefined;
  /** Why the signature is not good. */
  readonly fault: GoFault | undefined;
}

/**
 * Reads a binary message, and verifies it with the keys.
 * @throws GoFault where Go cannot read it.
 */
export function readGoMessage(bytes: Uint8Array, entities: readonly GoEntity[]): GoMessage {
  const packets = new PacketReader(bytes);
  const { onePass, signer, body } = findLiteral(packets, entities);
  const untrustedPayload = readAll(body);
  const message = { isSigned: onePass !== undefined, signer, keyId: onePass?.keyId };
  if (!onePass || !signer) {
    return { ...message, untrustedPayload, signature: undefined, fault: undefined };
  }
  const packet = catchFault(() => packets.next());
  if (packet instanceof GoFault || packet?.kind !== 'signature') {
    const missing = new GoFault('structural', 'LiteralData not followed by Signature');
    const fault = packet instanceof GoFault ? packet : missing;
    return { ...message, untrustedPayload, signature: undefined, fault };
  }
  const { signature } = packet;
  const hashName = GO_HASHES[onePass.hashId] ?? '';
  const data =
    onePass.type === GO_SIGNATURE_TYPE.text ? toLines(untrustedPayload) : untrustedPayload;
  const verdict = catchFault(() => verifyGoSignature(signer.key, data, hashName, signature));
  const fault = verdict instanceof GoFault ? verdict : undefined;
  return { ...message, untrustedPayload, signature, fault };
}

interface FoundLiteral {
  readonly onePass: OnePassSignature | undefined;
  readonly signer: GoSigner | undefined;
  readonly body: ByteStream;
}

function findLiteral(packets: PacketReader, entities: readonly GoEntity[]): FoundLiteral {
  let onePass: OnePassSignature | undefined;
  let signer: GoSigner | undefined;
  for (let packet = packets.next(); packet; packet = packets.next()) {
    if (packet.kind === 'literal') return { onePass, signer, body: packet.body };
    if (packet.kind === 'encrypted') throw new GoFault('beyond', 'it is encrypted');
    if (packet.kind === 'compressed') packets.enter(packet.inner);
    if (packet.kind === 'one-pass') {
      ({ onePass } = packet);
      checkOnePass(onePass);
      // Go keeps the key of an earlier one where it does not know that of a later one.
      signer = findSigners(entities, onePass.keyId)[0] ?? signer;
    }
  }
  throw new GoFault('unexpected-eof', 'EOF');
}

function checkOnePass({ type, hashId, isLast }: OnePassSignature): void {
  if (!isLast) throw new GoFault('unsupported', 'nested signatures');
  if (GO_HASHES[hashId] === undefined) {
    throw new GoFault('unsupported', `hash not available: ${hashId}`);
  }
  if (type !== GO_SIGNATURE_TYPE.binary && type !== GO_SIGNATURE_TYPE.text) {
    throw new GoFault('unsupported', `unsupported signature type: ${type}`);
  }
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** Line feeds become CR LF; what follows a carriage return stays as it is (canonical_text.go). */
function toLines(text: Uint8Array): Uint8Array {
  const lines: number[] = [];
  let isBehindReturn = false;
  for (const byte of text) {
    if (!isBehindReturn && byte === LINE_FEED) lines.push(CARRIAGE_RETURN);
    lines.push(byte);
    isBehindReturn = !isBehindReturn && byte === CARRIAGE_RETURN;
  }
  return Uint8Array.from(lines);
}
