// The forms of values that options take, each with what a wrong one gets.
import { isIPv6 } from 'node:net';
import { z } from 'zod';
import {
  SIGNED_IDENTITY_MEMBERS,
  signedIdentitySchema,
} from '../../generator/policy/signed-identity.ts';
import { isScopeName, whyNoScope } from '../../generator/policy/scope-name.ts';
import {
  type DockerReference,
  MAX_NAME_LENGTH,
  isNamePrefix,
  parseDockerReference,
} from '../../generator/terms/image-name.ts';
import { parseUrl } from '../../generator/terms/text.ts';

/** Where a listener binds. */
export interface ListenAddress {
  /** Empty for all addresses of the host. */
  readonly host: string;
  readonly port: number;
}

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** What a value of the wrong kind gets. */
const expected = (form: string) => ({
  error: (issue: { readonly input?: unknown }) =>
    `expected ${form}, got ${JSON.stringify(issue.input) ?? 'nothing'}`,
});

export const text = z.string(expected('text')).min(1, 'expected a value, got nothing');

/** A page of the web for each commit: the text with `{commit}` where the name of the commit goes. */
export const commitUrl = text
  .superRefine((value, context) => {
    const [zeros, ones] = ['0', '1'].map((digit) =>
      parseUrl(value.replaceAll('{commit}', digit.repeat(40))),
    );
    if (zeros?.username || zeros?.password) {
      context.addIssue('expected a URL without user name and password: readers would see them');
      return;
    }
    const isWeb = zeros?.protocol === 'https:' || zeros?.protocol === 'http:';
    if (isWeb && zeros.href !== ones?.href && zeros.origin === ones?.origin) return;
    context.addIssue(
      `expected an http or https URL with {commit} behind its host, such as https://git.example.com/team/signatures/commit/{commit}, got ${JSON.stringify(value)}`,
    );
  })
  .meta({ pattern: '^https?://[^/?#@{\\s]+[/?#].*\\{commit\\}' });

const WEBHOOK_URL = 'expected an http or https URL, such as https://events.example.com/lookaside';

/** What is wrong is not repeated: it may hold a password, which has no broken escapes. */
const webhookUrl = text
  .regex(
    /^[Hh][Tt][Tt][Pp][Ss]?:\/\/(?:(?:[^/?#@%]|%[0-9A-Fa-f]{2})*@)*[^/?#@]+(?:[/?#]|$)/,
    WEBHOOK_URL,
  )
  .transform((value, context) => {
    const url = parseUrl(value);
    if (url) return url;
    context.addIssue(WEBHOOK_URL);
    return z.NEVER;
  });

/** Addresses that something is posted to. */
export const webhookUrls = z.union(
  [webhookUrl.transform((url) => [url]), z.array(webhookUrl)],
  WEBHOOK_URL,
);

/** Timers that are set for longer go off at once. Milliseconds. */
export const LONGEST_TIMER = 2 ** 31 - 1;

/** A name for a login over HTTP, which has none with a colon (RFC 7617). */
export const userName = text.regex(/^[^:\p{Cc}]+$/u, {
  error: (issue) =>
    `expected a user name without colons and control characters, got ${JSON.stringify(issue.input)}`,
});

/** `60s`, `5m`; in milliseconds. */
export const duration = (form: string, longest: number) =>
  z
    .union(
      [z.string().regex(/^(?:0|[0-9]+(?:ms|s|m|h|d))$/, expected(form)), z.literal(0)],
      expected(form),
    )
    .transform((value, context) => {
      if (String(value) === '0') return 0;
      const [, amount, unit = ''] = /^([0-9]+)([a-z]+)$/.exec(String(value)) ?? [];
      const milliseconds = Number(amount) * (UNITS[unit] ?? Infinity);
      if (milliseconds <= longest) return milliseconds;
      context.addIssue(`expected ${form}, got ${JSON.stringify(value)}`);
      return z.NEVER;
    });

/** A whole number from one to another, both included; the other is left out where it does not matter. */
export const wholeNumber = (least: number, most = Number.MAX_SAFE_INTEGER) => {
  const range = most === Number.MAX_SAFE_INTEGER ? `${least}` : `${least} to ${most}`;
  const wrong = expected(`a whole number from ${range}`);
  const digits = z.string().regex(/^[0-9]{1,16}$/, wrong);
  const number = z.number().int(wrong).min(least, wrong).max(most, wrong);
  return z.union([digits, number], expected('a number')).transform((value, context) => {
    if (Number(value) >= least && Number(value) <= most) return Number(value);
    context.addIssue(wrong.error({ input: value }));
    return z.NEVER;
  });
};

const SIZES: Readonly<Record<string, number>> = {
  '': 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

const wrongSize = expected('a size like 4MiB');

/** `4MiB`, or a number of bytes; in bytes. */
export const size = z
  .union(
    [
      z.string().regex(/^0*[1-9][0-9]*(?:KiB|MiB|GiB|TiB)?$/, wrongSize),
      z.number().int(wrongSize).min(1, wrongSize).max(Number.MAX_SAFE_INTEGER, wrongSize),
    ],
    wrongSize,
  )
  .transform((value, context) => {
    const [, amount, unit = ''] = /^([0-9]+)([A-Za-z]*)$/.exec(String(value)) ?? [];
    const bytes = Number(amount) * (SIZES[unit] ?? Number.NaN);
    if (bytes <= Number.MAX_SAFE_INTEGER) return bytes;
    context.addIssue(wrongSize.error({ input: value }));
    return z.NEVER;
  });

const LISTEN_FORM = 'HOST:PORT, [IPV6]:PORT or :PORT';

/** `HOST:PORT`, `[::1]:PORT`, `:PORT`. */
export const address = z
  .string(expected(LISTEN_FORM))
  .regex(/^(?:\[[0-9A-Fa-f:.]+\]|[^:[\]]*):[0-9]{1,5}$/, expected(LISTEN_FORM))
  .transform((value, context): ListenAddress => {
    const {
      bracketed,
      plain = '',
      port,
    } = /^(?:\[(?<bracketed>.+)\]|(?<plain>.*)):(?<port>[0-9]+)$/s.exec(value)?.groups ?? {};
    const isAddress = bracketed === undefined || isIPv6(bracketed);
    if (!isAddress || Number(port) > 65_535) {
      context.addIssue(`expected ${LISTEN_FORM}, got ${JSON.stringify(value)}`);
      return z.NEVER;
    }
    return { host: bracketed ?? plain, port: Number(port) };
  });

const PEERS_FORM = 'NAME, NAME:PORT or [IPV6]:PORT';

/** `NAME`, `NAME:PORT`, `[::1]`, `[::1]:PORT`; the port is undefined where it is left out. */
export const peers = z
  .string(expected(PEERS_FORM))
  .regex(
    /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252}))(?::[1-9][0-9]{0,4})?$/,
    expected(PEERS_FORM),
  )
  .transform((value, context) => {
    const {
      bracketed,
      plain = '',
      port,
    } = /^(?:\[(?<bracketed>.+)\]|(?<plain>[^:]+))(?::(?<port>[0-9]+))?$/.exec(value)?.groups ?? {};
    const isAddress = bracketed === undefined || isIPv6(bracketed);
    if (isAddress && Number(port ?? 0) <= 65_535) {
      return { name: bracketed ?? plain, port: port === undefined ? undefined : Number(port) };
    }
    context.addIssue(`expected ${PEERS_FORM}, got ${JSON.stringify(value)}`);
    return z.NEVER;
  });

/** `.git`, as some system spells it: git puts none of them into a work tree. */
const NO_GIT_DIRECTORY =
  /^(?!(?:[\s\S]*\/)?(?:\.[Gg][Ii][Tt]|[Gg][Ii][Tt]~1)[ .]*(?:[:\\][^/]*)?(?:\/|$))/;

/** A subtree: no leading, trailing or doubled slash, no dot segments; '' for the whole. */
export const subtree = z
  .string(expected('a path'))
  .regex(/^(?!\/)(?!(?:[\s\S]*\/)?\.\.(?:\/|$))/, expected('a path inside the repository'))
  .regex(NO_GIT_DIRECTORY, expected('a path that git can check out'))
  .transform((value) =>
    value
      .split('/')
      .filter((component) => component !== '' && component !== '.')
      .join('/'),
  );

/** A subtree that signatures may lie in: none has a backslash or a control character in its path. */
const prefix = subtree.refine((value) => !/[\\\p{Cc}]/u.test(value), {
  error: (issue) =>
    `expected a path without backslashes and control characters, got ${JSON.stringify(issue.input)}`,
});

export const branch = text.regex(
  /^(?!-)(?!.*(?:\.\.|@\{|\/\/|\.lock$|\/$))[^\s~^:?*[\\\p{Cc}]+$/u,
  {
    error: (issue) => `expected a branch name, got ${JSON.stringify(issue.input)}`,
  },
);

/**
 * A value or several: a list in the configuration file; in the environment `:` stands between
 * paths, `,` between other values.
 */
export const several = z.union(
  [text.transform((value) => [value]), z.array(text)],
  expected('a value or a list of values'),
);

/** Given or not; in the environment and the configuration file true or false. */
export const flag = z
  .union([z.boolean(), z.enum(['true', 'false'])], expected('true or false'))
  .transform((value) => String(value) === 'true');

const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?';
const DOMAIN = `${LABEL}(?:\\.${LABEL})*`;
/** Roughly what `isScopeName` takes, for editors: nothing that it takes is refused. */
const SCOPE_FORM = [
  `^(?:\\*\\.${DOMAIN}`,
  `(?:localhost|${LABEL}(?:\\.${LABEL})+|(?:${DOMAIN}|\\[[0-9A-Fa-f:]+\\]):[0-9]+|\\[[0-9A-Fa-f:]+\\])(?:/[a-z0-9][^/\\s*]*)*)?$`,
].join('|');

/** A part of all images, as containers-policy.json(5) writes it, that an image can lie in. */
const scopeName = z
  .string()
  .refine(isScopeName, {
    error: ({ input }) => {
      const isLong = typeof input === 'string' && input.length > MAX_NAME_LENGTH;
      const form = 'HOST, HOST/NAMESPACE, HOST/NAMESPACE/REPOSITORY or *.DOMAIN';
      if (!isLong) return `expected ${form}, got ${JSON.stringify(input)}${whyNoScope(input)}`;
      return `expected ${form} of at most ${MAX_NAME_LENGTH} characters, got ${input.length}`;
    },
  })
  .meta({ pattern: SCOPE_FORM });

const scope = z.strictObject({
  keys: several,
  require: z.enum(['any', 'all'], expected('any or all')).default('any'),
  signedIdentity: signedIdentitySchema.optional(),
  prefix: prefix.optional(),
});

/** The members of a scope, and those of its `signedIdentity`. */
export const SCOPE_MEMBERS = [Object.keys(scope.shape), SIGNED_IDENTITY_MEMBERS];

export const scopes = z
  .record(scopeName, scope, expected('a mapping of scopes'))
  .refine((given) => Object.keys(given).length > 0, 'expected at least one scope, got none')
  .meta({ minProperties: 1 });

/** One of some words. */
export const oneOf = <Word extends string>(...words: readonly [Word, ...Word[]]) =>
  z.enum(words, expected(`${words.slice(0, -1).join(', ')} or ${words.at(-1)}`));

/** Some of some words, in one value or in several: `github,gitlab`. */
export const someOf = <Word extends string>(...known: readonly Word[]) =>
  several.transform((values, context) => {
    const given = values.flatMap((value) => value.split(','));
    const some = known.filter((word) => given.includes(word));
    const wrong = given.find((word) => !known.some((one) => one === word));
    if (wrong === undefined && some.length > 0) return some;
    const form = `expected words of ${known.join(', ')}`;
    context.addIssue(`${form}, got ${wrong === undefined ? 'none' : JSON.stringify(wrong)}`);
    return z.NEVER;
  });

/** `SCOPE=PATH`, one or several: files or directories of keys for parts of all images. */
export const scopeFlags = several.transform((values, context) =>
  values.map((value) => {
    const at = value.indexOf('=');
    const name = scopeName.safeParse(value.slice(0, at));
    if (at < 0 || at === value.length - 1 || !name.success) {
      const form = 'expected SCOPE=PATH';
      const reason = at > 0 ? whyNoScope(value.slice(0, at)) : '';
      context.addIssue(`${form}, got ${JSON.stringify(value)}${reason}`);
      return z.NEVER;
    }
    return { name: name.data, path: value.slice(at + 1) };
  }),
);

/** `FROM=TO`, one or several: what images below a name are called elsewhere. */
export const renamings = several.transform((values, context) => {
  const known = new Map<string, string>();
  return values.map((value) => {
    const [from = '', to = '', ...more] = value.split('=');
    const got = JSON.stringify(value);
    if (more.length > 0 || ![from, to].every(isNamePrefix)) {
      context.addIssue(`expected FROM=TO, each HOST or HOST/NAMESPACE without a tag, got ${got}`);
      return z.NEVER;
    }
    const other = known.get(from);
    if (other !== undefined && other !== to) {
      context.addIssue(`expected each FROM once, got ${got} beside ${from}=${other}`);
      return z.NEVER;
    }
    known.set(from, to);
    return { from, to };
  });
});

const COMPONENT = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const REPOSITORY_FORM = 'HOST/REPOSITORY without a tag, for example quay.io/vendor/app';

/** A repository of a registry, by its whole name. */
export const imageRepository = z
  .string(expected(REPOSITORY_FORM))
  .regex(
    new RegExp(`^(?:localhost|${LABEL}(?:\\.${LABEL})+|${DOMAIN}:[0-9]+)(?:/${COMPONENT})+$`),
    expected(REPOSITORY_FORM),
  )
  .transform((value, context): DockerReference => {
    const parsed = parseDockerReference(value);
    if (parsed) return parsed;
    context.addIssue(
      `expected a name of at most ${MAX_NAME_LENGTH} characters, got ${value.length}`,
    );
    return z.NEVER;
  });

const GLOB_FORM = "a tag or a pattern such as 'v1.*', with ! before what is left out";
const tagGlob = z.string(expected(GLOB_FORM)).regex(/^!?[\w.*-]{1,128}$/, expected(GLOB_FORM));

/** Tags, with `*` for any characters of one, and `!` before those that are left out; one or several. */
export const tagGlobs = z.union([tagGlob.transform((glob) => [glob]), z.array(tagGlob)], {
  error: expected(GLOB_FORM).error,
});

const mirroredRepository = z.strictObject({
  from: imageRepository,
  to: imageRepository,
  tags: tagGlobs.default([]),
  keys: several.default([]),
  policy: text.optional(),
  signedIdentity: signedIdentitySchema.optional(),
  server: text.optional(),
  insecureAcceptAnything: flag.default(false),
});

/** The members of a repository that is mirrored, and those of its `signedIdentity`. */
export const MIRRORED_IMAGES_MEMBERS = [
  Object.keys(mirroredRepository.shape),
  SIGNED_IDENTITY_MEMBERS,
];

/** Repositories that are mirrored, no two to the same place. */
export const mirroredImages = z
  .array(mirroredRepository, expected('a list of repositories to mirror'))
  .min(1, 'expected at least one repository to mirror, got none')
  .superRefine((given, context) => {
    const seen = new Set<string>();
    for (const [at, { from, to }] of given.entries()) {
      const name = `${to.host}/${to.repository}`;
      if (seen.has(name)) {
        const message = `expected a place of its own for each repository, got ${name} twice`;
        context.addIssue({ code: 'custom', path: [at, 'to'], message });
      }
      if (name === `${from.host}/${from.repository}`) {
        const message = `expected another place than ${name}, where the images come from`;
        context.addIssue({ code: 'custom', path: [at, 'to'], message });
      }
      seen.add(name);
    }
  });

/** An absolute path of a directory, without a slash at its end. */
export const absoluteDirectory = text
  .regex(
    /^(?!(?:.*\/)?\.{1,2}(?:\/|$))\/\P{Cc}*$/u,
    expected('an absolute path without dot segments'),
  )
  .transform((value) => `/${value.split('/').filter(Boolean).join('/')}`);

/** Several words in one value, as `worker,master`. */
export const names = several.transform((values, context) => {
  const all = values.flatMap((value) => value.split(','));
  const wrong = all.find((name) => !/^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$/.test(name));
  if (wrong === undefined) return [...new Set(all)];
  context.addIssue(`expected names like worker,master, got ${JSON.stringify(wrong)}`);
  return z.NEVER;
});

const words = z.union(
  [z.string().transform((word) => [word]), z.array(z.string())],
  expected('OS/ARCH'),
);

/** `OS/ARCH[/VARIANT]`, one or several. */
export const platforms = words.transform((values, context) => {
  const wrong = values.find((value) => !/^[a-z0-9]+(?:\/[a-z0-9_.]+){1,2}$/.test(value));
  if (wrong === undefined) return values;
  context.addIssue(`expected OS/ARCH or OS/ARCH/VARIANT, got ${JSON.stringify(wrong)}`);
  return z.NEVER;
});

/** Not that of the file of distributions in registries.d. */
export const fileName = text.regex(/^(?!default$)[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/, {
  error: (issue) =>
    `expected a name of letters, digits, dots and dashes, and not "default", got ${JSON.stringify(issue.input)}`,
});

export const butaneVersion = text.regex(/^4\.[0-9]{1,2}\.0$/, {
  error: (issue) =>
    `expected the version of an OpenShift release, for example 4.14.0, got ${JSON.stringify(issue.input)}`,
});
