// Why skopeo has no manifest for us, with a cure for each cause. Its words are those of containers/image,
// of Go, and of the registry.
import { formatReference, nameOf } from '../../generator/policy/signed-identity.ts';
import type { DockerReference } from '../../generator/terms/image-name.ts';
import { toLine } from '../../generator/terms/text.ts';
import { MissingImageError, PassingError, UsageError } from '../base/usage-error.ts';
import { ProcessLimitError, ProcessStoppedError } from '../../generator/system/process-limits.ts';
import { runProcess } from '../../generator/system/run-process.ts';
import type { Environment } from '../base/read-settings.ts';

/** Far more than skopeo says with all its debugging. Bytes. */
const COMPLAINT_LIMIT = 16 * 1024 * 1024;

interface SkopeoOptions {
  readonly environment: Environment;
  /** Stops it. */
  readonly ending: AbortSignal;
  /** Milliseconds. */
  readonly timeLimit: number;
  /** The most that it may print. */
  readonly maxBytes: number;
}

interface Cause {
  /** What skopeo says, or the registry through it. */
  readonly said: RegExp;
  /** What is said adds nothing to the message if it is no more than this. */
  readonly saysNoMore?: RegExp;
  /** `image` is the whole name. */
  readonly message: (image: string, host: string) => string;
  /** `repository` is the name without tag and digest; `instead` is what needs no registry, if there is. */
  readonly hint: (repository: string, host: string, instead: string | undefined) => string;
  /** What the error is, unless plain: the registry does not have the image, or may do better a moment later. */
  readonly kind?: typeof MissingImageError | typeof PassingError;
}

/** Where there is nothing else to do. */
const AGAIN = 'try again when it answers';

/** A status of HTTP in one of the ways that containers/image writes it. */
const status = (codes: string) =>
  `(?:status ?code:?|status code from registry|registry|HTTP(?: status:)?) ${codes}\\b`;
const either = (...parts: readonly string[]) => new RegExp(parts.join('|'), 'i');

const LOGIN_WANTED = either(
  'unauthori[sz]ed',
  'authentication required',
  '(?<!permission )denied',
  'invalid username',
  status('40[13]'),
);
const NO_TLS = /x509|certificate|tls:|HTTP response to HTTPS/i;

/** The first that fits counts: registries put more than one of these words in one answer. */
const CAUSES: readonly Cause[] = [
  {
    said: /getting username and password|reading JSON file|credential helper|docker-credential-/i,
    message: () => 'skopeo cannot read its credentials',
    hint: () =>
      'look at the file of --authfile, $REGISTRY_AUTH_FILE or $XDG_RUNTIME_DIR/containers/auth.json',
  },
  {
    said: /maximum allowed size/i,
    message: (image) => `the manifest of ${image} is too large for any node`,
    hint: () => 'push the image again',
  },
  {
    said: /invalid reference format/i,
    message: (image) => `this skopeo cannot parse ${image}`,
    hint: (_repository, _host, instead) =>
      orElse('older versions do not know IPv6 addresses: write the name of the host', instead),
  },
  {
    said: either('toomanyrequests', 'too many requests', status('429')),
    message: (_image, host) => `${host} refuses more requests for now`,
    hint: (_repository, host) => `log in with \`skopeo login ${host}\`, or wait`,
    kind: PassingError,
  },
  {
    said: LOGIN_WANTED,
    message: (image, host) => `${host} denies access to ${image}`,
    hint: (_repository, host) =>
      `log in with \`skopeo login ${host}\`, or give --authfile FILE; skopeo does not use docker's credsStore, and some registries answer like this for images that they do not have`,
  },
  {
    said: either(
      'manifest unknown',
      'name unknown',
      'repository name not known',
      'not found',
      status('404'),
    ),
    saysNoMore: /^(?:(?:manifest|name) unknown|repository name not known to registry|[:;\s])+$/i,
    message: (image) => `${image} is not in the registry`,
    hint: (repository) => `look for its tags with \`skopeo list-tags docker://${repository}\``,
    kind: MissingImageError,
  },
  {
    said: NO_TLS,
    message: (_image, host) => `${host} is not trusted, or does not speak TLS`,
    hint: (_repository, host) =>
      `put its CA into /etc/containers/certs.d/${host}, or set \`insecure = true\` for it in registries.conf`,
  },
  {
    said: either(
      'connection refused|no such host|server misbehaving|no route|unreachable|timeout',
      'connection reset|broken pipe|EOF|pinging',
      status('5[0-9]{2}'),
    ),
    message: (_image, host) => `${host} does not answer`,
    hint: (_repository, _host, instead) => instead ?? AGAIN,
    kind: PassingError,
  },
];

function orElse(hint: string, instead: string | undefined): string {
  return instead === undefined ? hint : `${hint}, or ${instead}`;
}

/**
 * The error to report for what running skopeo threw; `instead` is what the user can do without it, and `work`
 * what skopeo was to do.
 */
export function explainSkopeo(
  image: DockerReference,
  cause: SkopeoError,
  instead: string | undefined,
  work = `read ${formatReference(image)}`,
): UsageError {
  const name = formatReference(image);
  switch (cause.kind) {
    case 'cannot-run': {
      const hint = orElse('install skopeo', instead);
      return new UsageError('skopeo, which asks the registry, cannot be run', hint, { cause });
    }
    case 'too-large': {
      const message = `the manifest of ${name} is too large for any node`;
      return new UsageError(message, 'push the image again', { cause });
    }
    case 'too-late':
      return new PassingError(`${image.host} did not answer in time`, instead ?? AGAIN, { cause });
    case 'stopped':
      return new UsageError('interrupted', undefined, { cause });
    case 'failed': {
      const said = findMessage(image, cause);
      const words = withoutNames(image, said);
      const known = CAUSES.find((one) => one.said.test(words));
      const message = known?.message(name, image.host) ?? `skopeo cannot ${work}`;
      const hint = known?.hint(nameOf(image), image.host, instead) ?? instead ?? AGAIN;
      const more = known?.saysNoMore?.test(said) === true ? '' : `: ${toLine(said)}`;
      const Kind = known?.kind ?? UsageError;
      return new Kind(`${message}${more}`, hint, { cause });
    }
  }
}

/** Whether somebody who logs in may see more. */
export function isLoginWanted(image: DockerReference, error: SkopeoError): boolean {
  return LOGIN_WANTED.test(withoutNames(image, findMessage(image, error)));
}

/** The hosts on this machine that it failed for TLS with; none where it asked another one too. */
export function findPlainHttpHosts(image: DockerReference, error: SkopeoError): readonly string[] {
  const said = findMessage(image, error);
  const asked = [...said.matchAll(/pinging container registry (\S+): /g)].map(
    ([, host = '']) => host,
  );
  return asked.every(isLoopback) && NO_TLS.test(withoutNames(image, said)) ? asked : [];
}

function isLoopback(host: string): boolean {
  const name = host.replace(/:[0-9]+$/, '');
  return name === 'localhost' || /^127(?:\.[0-9]{1,3}){3}$/.test(name);
}

/** The last line is why it ended; its words stand in quotes, behind the names that we know. */
function findMessage(image: DockerReference, { said }: SkopeoError): string {
  const last = said.trim().split('\n').at(-1) ?? '';
  const [, quoted] = / msg="((?:[^"\\]|\\.)*)"/.exec(last) ?? [];
  const message = quoted === undefined ? last.replace(/^FATA\[\d+\] */, '') : unquote(quoted);
  return message
    .replace(/^Error parsing image name "[^"]*": /, '')
    .replace(`reading manifest ${image.digest ?? image.tag} in ${nameOf(image)}: `, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

/** Names may hold any of the words that are looked for. */
function withoutNames(image: DockerReference, said: string): string {
  return [formatReference(image), nameOf(image), image.host].reduce(
    (text, name) => text.replaceAll(name, '…'),
    said.replaceAll(/https?:\/\/[^\s"]+/g, '…'),
  );
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', v: '\v', f: '\f' };

/** Text as Go quotes it. */
function unquote(quoted: string): string {
  return quoted.replaceAll(
    /\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))/g,
    (all, byte?: string, short?: string, long?: string, plain = '') => {
      const hex = byte ?? short ?? long;
      if (hex === undefined) return ESCAPES[plain] ?? plain;
      const code = Number.parseInt(hex, 16);
      return code <= 0x10_ff_ff ? String.fromCodePoint(code) : all;
    },
  );
}

/** It printed nothing that can be used; `failed` it has by itself, saying why. */
export class SkopeoError extends Error {
  override readonly name = 'SkopeoError';
  readonly kind: 'cannot-run' | 'too-large' | 'too-late' | 'stopped' | 'failed';
  readonly said: string;
  constructor(kind: SkopeoError['kind'], said = '', options?: ErrorOptions) {
    super(`skopeo: ${kind}`, options);
    this.kind = kind;
    this.said = said;
  }
}

/**
 * Runs `skopeo ARGS`, and gives what it prints.
 * @throws SkopeoError
 */
export async function runSkopeo(
  args: readonly string[],
  { environment, ending, timeLimit, maxBytes }: SkopeoOptions,
): Promise<Uint8Array> {
  const options = {
    environment,
    ending,
    limits: {
      silence: timeLimit,
      deadline: timeLimit,
      stdout: maxBytes,
      stderr: COMPLAINT_LIMIT,
    },
  };
  const { exitCode, stdout, stderr } = await runProcess(
    'skopeo',
    ['skopeo', ...args],
    options,
  ).catch((cause: unknown) => {
    throw new SkopeoError(kindOf(cause), '', { cause });
  });
  if (exitCode === 0) return stdout;
  throw new SkopeoError('failed', stderr);
}

function kindOf(cause: unknown): SkopeoError['kind'] {
  if (cause instanceof ProcessStoppedError) return 'stopped';
  if (!(cause instanceof ProcessLimitError)) return 'cannot-run';
  return cause.limit === 'stdout' || cause.limit === 'stderr' ? 'too-large' : 'too-late';
}
