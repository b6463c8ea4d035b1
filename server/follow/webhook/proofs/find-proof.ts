// Which forge a delivery is from, and how it proves that. The first proof that is there decides: forges
// repeat theirs in the headers of those that they stand in for, and the later ones are weaker, or are over
// other bytes. What each of them sends is in docs/git-hosts.md, and in the sources named below.
import { type Proof, decodeBase64 } from './proof.ts';
import { readStandardWebhook } from './standard-webhooks.ts';
import type { WebhookForge } from './webhook-forges.ts';

/** Each header with all of its values, by its name in lower case. */
export type DistinctHeaders = Readonly<NodeJS.Dict<readonly string[]>>;

/** What a proof is read with. */
interface Found {
  readonly forge: WebhookForge;
  readonly headers: DistinctHeaders;
  /** Milliseconds since 1970. */
  readonly now: number;
}

interface ProofReader {
  /** The header that tells that the proof is there. */
  readonly header: string;
  /** Who sends it; GitLab's headers tell it from the other one. */
  readonly forges: readonly [WebhookForge, 'gitlab'?];
  readonly read: (value: string, found: Found) => Proof;
}

const HEX = /^([0-9a-f]{64})$/i;
const SHA256_HEX = /^sha256=([0-9a-f]{64})$/i;
/** RFC 7617; the scheme is read in any case. */
const BASIC = /^basic +(\S+)$/i;

const READERS: readonly ProofReader[] = [
  {
    header: 'webhook-signature',
    forges: ['generic', 'gitlab'],
    read: (signature, { headers, forge, now }) => {
      const { 'webhook-id': id = [], 'webhook-timestamp': timestamp = [] } = headers;
      return readStandardWebhook({ signature, id, timestamp }, forge, now);
    },
  },
  // go-gitea/gitea:services/webhook/deliver.go, and Forgejo's services/webhook/shared/payloader.go.
  overJson('X-Forgejo-Signature', 'forgejo'),
  overJson('X-Gitea-Signature', 'gitea'),
  // gogs/gogs:internal/database/webhook.go
  overJson('X-Gogs-Signature', 'gogs'),
  // docs.github.com, "Validating webhook deliveries"
  overBody('X-Hub-Signature-256', 'github'),
  // "Manage webhooks" of Bitbucket Cloud and of Bitbucket Data Center
  overBody('X-Hub-Signature', 'bitbucket'),
  // fluxcd/notification-controller: the receiver `generic-hmac`
  overBody('X-Signature', 'generic'),
  { header: 'X-Gitlab-Token', forges: ['gitlab'], read: readToken },
  { header: 'Authorization', forges: ['azure'], read: readBasic },
];

/**
 * The proof that decides, of one of these forges; undefined if there is none.
 * @param now in milliseconds since 1970
 */
export function findProof(
  headers: DistinctHeaders,
  taken: readonly WebhookForge[],
  now: number,
): Proof | undefined {
  for (const { header, forges, read } of READERS) {
    const [usual, other = usual] = forges;
    const forge = headers['x-gitlab-event'] ? other : usual;
    const values = headers[header.toLowerCase()];
    if (values === undefined || !taken.includes(forge)) continue;
    const [value = '', ...others] = values;
    const broken = { kind: 'broken', forge, header } as const;
    if (others.length > 0) return { ...broken, expected: 'expected it once' };
    // Gitea and Forgejo send it without a secret, too.
    if (value === '') return { ...broken, expected: 'it is empty: set the secret at the git host' };
    return read(value, { forge, headers, now });
  }
  return undefined;
}

/** Hexadecimal digits alone, over the JSON. */
function overJson(header: string, forge: WebhookForge): ProofReader {
  const pattern = { form: HEX, expected: 'expected the digits of an HMAC-SHA256' };
  return { header, forges: [forge], read: toSignature(header, pattern, true) };
}

/** `sha256=` and hexadecimal digits, over the bytes of the body. */
function overBody(header: string, forge: WebhookForge): ProofReader {
  const pattern = {
    form: SHA256_HEX,
    expected: 'expected sha256= and the digits of an HMAC-SHA256',
  };
  return { header, forges: [forge], read: toSignature(header, pattern, false) };
}

function toSignature(
  header: string,
  { form, expected }: { readonly form: RegExp; readonly expected: string },
  isOverJson: boolean,
): ProofReader['read'] {
  return (value, { forge }) => {
    const [, digits] = form.exec(value) ?? [];
    if (digits === undefined) return { kind: 'broken', forge, header, expected };
    const digests = [Buffer.from(digits, 'hex')];
    return { kind: 'signature', forge, header, digests, prefix: '', isOverJson, toKey: asItIs };
  };
}

function asItIs(secret: string): Buffer {
  return Buffer.from(secret);
}

/** Node reads headers as Latin-1, whatever they are. */
function readToken(value: string, { forge }: Found): Proof {
  return { kind: 'secret', forge, header: 'X-Gitlab-Token', secret: Buffer.from(value, 'latin1') };
}

/** The password counts. The user name is free: Azure DevOps wants one. */
function readBasic(value: string, { forge }: Found): Proof {
  const [, base64 = ''] = BASIC.exec(value) ?? [];
  const login = decodeBase64(base64);
  const colon = login?.indexOf(':') ?? -1;
  const header = 'Authorization';
  if (!login || colon < 0) {
    return { kind: 'broken', forge, header, expected: 'expected a Basic login' };
  }
  return { kind: 'secret', forge, header, secret: login.subarray(colon + 1) };
}
