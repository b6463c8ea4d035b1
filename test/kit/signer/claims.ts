export interface Claims {
  /** The identity: `HOST[:PORT]/repository:tag`. */
  readonly dockerReference: string;
  /** `sha256:HEX` */
  readonly manifestDigest: string;
  readonly creator?: string;
  /** Seconds since 1970. */
  readonly timestamp?: number;
}

/** The payload of a signature as containers/image writes it (signature/simple.go, MarshalJSON). */
export function formatClaims(claims: Claims): string {
  const { creator = 'atomic 5.23.1', timestamp = Math.floor(Date.now() / 1000) } = claims;
  return JSON.stringify({
    critical: {
      identity: { 'docker-reference': claims.dockerReference },
      image: { 'docker-manifest-digest': claims.manifestDigest },
      type: 'atomic container signature',
    },
    optional: { creator, timestamp },
  });
}
