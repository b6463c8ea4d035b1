// Copies an image from one registry to another through skopeo, all its platforms and byte for byte.
import { formatReference } from '../../generator/policy/signed-identity.ts';
import type { DockerReference } from '../../generator/terms/image-name.ts';
import type { Environment } from '../base/read-settings.ts';
import { toLine } from '../../generator/terms/text.ts';
import { PassingError, UsageError } from '../base/usage-error.ts';
import { findCredentials } from './read-manifest.ts';
import { SkopeoError, explainSkopeo, findPlainHttpHosts, runSkopeo } from './skopeo.ts';

export interface CopyOptions {
  /** The policy.json by which skopeo takes the image from its registry. */
  readonly policy: string;
  /** The registries.d by which it finds the signatures that the policy asks for; undefined for that of this machine. */
  readonly registriesD: string | undefined;
  readonly authfile: string | undefined;
  readonly environment: Environment;
  /** Stops skopeo. */
  readonly ending: AbortSignal;
}

/** Why an image was not copied, for a fault of the image and not of a registry. */
export interface CopyRefusal {
  /** `policy`: the policy does not take it. `changed`: the other registry would have it under another digest. */
  readonly kind: 'policy' | 'changed';
  /** In the words of skopeo. */
  readonly message: string;
}

/** An image of many gigabytes over a slow line. Milliseconds. */
const TIME_LIMIT = 4 * 3_600_000;
/** What it prints while it works. Bytes. */
const MAX_OUTPUT = 16 * 1024 * 1024;
/** Whatever it says of keys and names, it is about the policy. */
const REJECTED = /Source image rejected: (.*)$/s;
/** How gpgme tells of a signature by a key that it does not have, with all that it knows of it. */
const UNKNOWN_KEY =
  /^Invalid GPG signature: gpgme\.Signature\{.*Fingerprint:"([0-9A-F]+)".*err:0x9\}.*$/s;
const CHANGED = /preserve digests|cannot modify|Would invalidate signatures/i;

/** A copy that is one of several between the same two registries. */
export interface CopiedPiece {
  /** All that a list names, or the list alone, whose manifests are there already. */
  readonly parts: 'all' | 'index-only';
  /** What skopeo needed for these registries; what this copy finds out is added. */
  readonly flags: string[];
}

/**
 * Copies an image, `from` by its digest; the signatures that it has stay behind, as they are for the old name.
 * Gives why it may not be copied, undefined where it was.
 * @throws UsageError where a registry or skopeo fails
 */
export async function copyImage(
  from: DockerReference,
  to: DockerReference,
  options: CopyOptions,
  { parts, flags }: CopiedPiece = { parts: 'all', flags: [] },
): Promise<CopyRefusal | undefined> {
  const { policy, registriesD, authfile, environment, ending } = options;
  const login = authfile === undefined ? [] : ['--authfile', authfile];
  const places = registriesD === undefined ? [] : ['--registries.d', registriesD];
  const head = ['--policy', policy, ...places, 'copy'];
  const how = ['--multi-arch', parts, '--preserve-digests', '--remove-signatures', '--quiet'];
  const images = [from, to].map((image) => `docker://${formatReference(image)}`);
  for (;;) {
    try {
      const limits = { timeLimit: TIME_LIMIT, maxBytes: MAX_OUTPUT };
      await runSkopeo([...head, ...how, ...login, ...flags, ...images], {
        environment,
        ending,
        ...limits,
      });
      return undefined;
    } catch (error) {
      if (!(error instanceof SkopeoError)) throw error;
      const refusal = findRefusal(error);
      if (refusal) return refusal;
      const more = await findHelp(from, to, error, options);
      // Each is tried once.
      if (more.length === 0 || more.some((flag) => flags.includes(flag))) {
        const image = isAboutTarget(to, error) ? to : from;
        const work = `copy ${formatReference(from)} to ${formatReference(to)}`;
        throw explainSkopeo(image, error, undefined, work);
      }
      flags.push(...more);
    }
  }
}

function findRefusal({ kind, said }: SkopeoError): CopyRefusal | undefined {
  if (kind !== 'failed') return undefined;
  const [, quoted] = REJECTED.exec(said.trim()) ?? [];
  if (quoted !== undefined) {
    const reason = quoted.replace(/"?\s*$/, '').replaceAll(String.raw`\"`, '"');
    assertAnswered(reason);
    return {
      kind: 'policy',
      message: reason.replace(UNKNOWN_KEY, 'it is signed by $1, whose key it does not have'),
    };
  }
  const last = said.trim().split('\n').at(-1) ?? '';
  return CHANGED.test(last) ? { kind: 'changed', message: last } : undefined;
}

/**
 * A store that does not answer says nothing of an image.
 * @throws UsageError
 */
function assertAnswered(reason: string): void {
  if (!/^(?:reading|getting) signature|^Get "/i.test(reason)) return;
  const message = `the signature store does not answer: ${toLine(reason)}`;
  const [, status] = /\bstatus (?:code )?([0-9]{3})\b/.exec(reason) ?? [];
  const isPassing = status === undefined || status === '429' || status.startsWith('5');
  const Kind = isPassing ? PassingError : UsageError;
  throw new Kind(
    message,
    'give the address that nodes have for the store, and see that it can be reached',
  );
}

async function findHelp(
  from: DockerReference,
  to: DockerReference,
  error: SkopeoError,
  options: CopyOptions,
): Promise<readonly string[]> {
  // As docker does; nobody listens on the way.
  const plain = findPlainHttpHosts(from, error);
  const flags = [
    ...(plain.includes(from.host) ? ['--src-tls-verify=false'] : []),
    ...(plain.includes(to.host) ? ['--dest-tls-verify=false'] : []),
  ];
  if (flags.length > 0) return flags;
  const file = await findCredentials(isAboutTarget(to, error) ? to : from, error, options);
  return file === undefined ? [] : ['--authfile', file];
}

/** Whether it is the registry of the copy that failed. */
function isAboutTarget(to: DockerReference, { said }: SkopeoError): boolean {
  return (
    /initializing destination|writing (?:blob|manifest)|trying to reuse blob/i.test(said) ||
    said.includes(`registry ${to.host}:`)
  );
}
