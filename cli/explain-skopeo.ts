// Why skopeo has no manifest for us, with a cure for each cause.
import type { DockerReference } from '../generator/docker-reference.ts';
import { formatReference, nameOf } from '../generator/policy/signed-identity.ts';
import { toLine } from '../generator/printable.ts';
import { Complaint } from './complaint.ts';

interface Cause {
  /** What skopeo says, or the registry through it. */
  readonly said: RegExp;
  /** `image` is the whole name. */
  readonly message: (image: string, host: string) => string;
  /** `repository` is the name without tag and digest. */
  readonly hint: (repository: string, host: string) => string;
}

const BY_DIGEST = 'name the image by the digest of its manifest, which needs no registry';

/** The first that fits counts: registries put more than one of these words in one answer. */
const CAUSES: readonly Cause[] = [
  {
    said: /toomanyrequests|too many requests|status(?: code)?:? 429/i,
    message: (_image, host) => `${host} answers no more requests for now`,
    hint: (_repository, host) => `log in with \`skopeo login ${host}\`, or wait`,
  },
  {
    said: /unauthori[sz]ed|authentication required|(?<!permission )denied|invalid username|status(?: code)?:? 40[13]/i,
    message: (image, host) => `${host} does not let us see ${image}`,
    hint: (_repository, host) =>
      `log in with \`skopeo login ${host}\`, or give --authfile FILE; some registries answer so for what they do not have`,
  },
  {
    said: /manifest unknown|name unknown|repository name not known|not found|status(?: code)?:? 404/i,
    message: (image, host) => `${host} has no ${image}`,
    hint: (repository) => `look for its tags with \`skopeo list-tags docker://${repository}\``,
  },
  {
    said: /x509|certificate|tls:|HTTP response to HTTPS/i,
    message: (_image, host) => `${host} is not trusted, or does not speak TLS`,
    hint: (_repository, host) =>
      `put its CA into /etc/containers/certs.d/${host}, or set \`insecure = true\` for it in registries.conf`,
  },
  {
    said: /connection refused|no such host|server misbehaving|no route|unreachable|timeout|connection reset|EOF|pinging/i,
    message: (_image, host) => `${host} does not answer`,
    hint: () => BY_DIGEST,
  },
];

/** The complaint for what running skopeo threw. */
export function explainSkopeo(image: DockerReference, cause: unknown): Complaint {
  const name = formatReference(image);
  const { code, killed, stderr } = toFailure(cause);
  if (code === 'ENOENT' || code === 'EACCES') {
    const hint = `install skopeo, or ${BY_DIGEST}`;
    return new Complaint('skopeo, which asks the registry, cannot be run', hint, { cause });
  }
  if (code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') {
    const message = `the manifest of ${name} is too large for any node`;
    return new Complaint(message, 'push the image again', { cause });
  }
  if (killed) {
    return new Complaint(`${image.host} did not answer in time`, BY_DIGEST, { cause });
  }
  const said = findMessage(stderr, image);
  const known = CAUSES.find((one) => one.said.test(said));
  const message = known?.message(name, image.host) ?? `skopeo cannot read ${name}`;
  const hint = known?.hint(nameOf(image), image.host) ?? BY_DIGEST;
  return new Complaint(`${message}: ${toLine(said)}`, hint, { cause });
}

interface Failure {
  readonly code: unknown;
  readonly killed: boolean;
  readonly stderr: string;
}

function toFailure(error: unknown): Failure {
  if (!(error instanceof Error)) return { code: undefined, killed: false, stderr: String(error) };
  return {
    code: 'code' in error ? error.code : undefined,
    killed: 'killed' in error && error.killed === true,
    stderr: 'stderr' in error && Buffer.isBuffer(error.stderr) ? error.stderr.toString() : '',
  };
}

/** The last line is why it ended; its words stand in quotes, behind the names that we know. */
function findMessage(stderr: string, image: DockerReference): string {
  const last = stderr.trim().split('\n').at(-1) ?? '';
  const [, quoted] = / msg=("(?:[^"\\]|\\.)*")/.exec(last) ?? [];
  const message = quoted === undefined ? last.replace(/^FATA\[\d+\] */, '') : unquote(quoted);
  return message
    .replace(/^Error parsing image name "[^"]*": /, '')
    .replace(`reading manifest ${image.digest ?? image.tag} in ${nameOf(image)}: `, '');
}

function unquote(quoted: string): string {
  try {
    return String(JSON.parse(quoted));
  } catch {
    return quoted;
  }
}
