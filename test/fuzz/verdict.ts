/** What a judge says of a signature file. */
export interface Verdict {
  readonly outcome: 'accepted' | 'refused';
  /** Whether the file alone makes the pull fail where the policy accepts anything. */
  readonly breaksPulls: boolean;
  /** In one line, for people. */
  readonly why: string;
  /** The signing key is a subkey: nodes are of two minds, by their age. */
  readonly isBySubkey?: boolean;
}

/** skopeo before 1.21 takes only what the primary key itself signed. */
const NOT_ACCEPTED = /Signature by key [0-9A-F]+ is not accepted/;

/** gpgv stops at keys, user IDs and encrypted data beside a signed message; gpg goes on. */
export const STOPS_GPGV = /^(?:encrypted: |malformed: a packet has no place)/;

/** Whether the gate says what the node does, but for what the documentation lists. */
export function isAgreed(gate: Verdict, node: Verdict): boolean {
  if (gate.isBySubkey === true && NOT_ACCEPTED.test(node.why)) return true;
  const isStrayPacket = gate.outcome === 'refused' && STOPS_GPGV.test(gate.why);
  if (isStrayPacket && node.outcome === 'accepted') return true;
  return gate.outcome === node.outcome && gate.breaksPulls === node.breaksPulls;
}
