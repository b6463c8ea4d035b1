// What is mirrored, by the command line or by `mirrored-images` of the configuration file.
import { nameOf } from '../../generator/policy/signed-identity.ts';
import type { DockerReference } from '../../generator/terms/image-name.ts';
import { parseUrl } from '../../generator/terms/text.ts';
import type { Settings } from '../base/options.ts';
import { UsageError } from '../base/usage-error.ts';
import { SourcePolicy } from './source-policy.ts';

/** A repository that is mirrored. */
export interface ImageSource {
  /** Both without tag and digest. */
  readonly from: DockerReference;
  readonly to: DockerReference;
  readonly tags: TagFilter;
  readonly policy: SourcePolicy;
  /** The address of the store with the signatures; undefined where registries.d of this machine says it. */
  readonly server: string | undefined;
}

/** Which tags of a repository are mirrored. */
export interface TagFilter {
  /** As they were given. */
  readonly globs: readonly string[];
  /** The tags themselves, where no pattern has to be looked for; undefined where there is one. */
  readonly named: readonly string[] | undefined;
  readonly isWanted: (tag: string) => boolean;
}

type MirroredRepository = NonNullable<Settings['mirrored-images']>[number];

/** One that is to be read, and what names it. */
type Wanted = MirroredRepository & { readonly origin: string };

/**
 * Reads what is mirrored, with the policy of each repository. What a repository of the configuration file does not
 * say holds as the options say it.
 * @throws UsageError for what lacks, or contradicts itself
 */
export async function readSources(settings: Settings): Promise<readonly ImageSource[]> {
  const sources: ImageSource[] = [];
  for (const wanted of readWanted(settings)) sources.push(await readSource(wanted, settings));
  return sources;
}

function readWanted(settings: Settings): readonly Wanted[] {
  const { 'images-from': from, 'images-to': to, 'mirrored-images': listed, origins } = settings;
  if (from === undefined && to === undefined && listed !== undefined) {
    const origin = origins['mirrored-images'] ?? 'mirrored-images';
    return listed.map((one, at) => ({ ...one, origin: `${origin}: ${at}` }));
  }
  if (listed !== undefined) {
    const message = '--images-from and mirrored-images both say what is mirrored';
    throw new UsageError(message, 'leave one of them out');
  }
  if (from === undefined || to === undefined) {
    const lacking = from === undefined ? '--images-from' : '--images-to';
    const hint =
      'for example --images-from quay.io/vendor/app --images-to example.com/mirror/app, or mirrored-images in a file of --config';
    throw new UsageError(`mirror-images needs ${lacking}`, hint);
  }
  if (nameOf(from) === nameOf(to)) {
    const message = `--images-to: expected another repository than ${nameOf(from)}`;
    throw new UsageError(message, 'name the repository that images are copied to');
  }
  const nothing = { keys: [], policy: undefined, signedIdentity: undefined, server: undefined };
  const own = { from, to, tags: [], ...nothing, insecureAcceptAnything: false };
  return [{ ...own, origin: '--images-from' }];
}

async function readSource(wanted: Wanted, settings: Settings): Promise<ImageSource> {
  const { from, to, tags, server = settings.server, origin } = wanted;
  return {
    from,
    to,
    tags: toFilter(tags.length > 0 ? tags : settings.tags),
    policy: await readPolicyOf(wanted, settings),
    server: server === undefined ? undefined : toStore(server, origin),
  };
}

async function readPolicyOf(wanted: Wanted, settings: Settings): Promise<SourcePolicy> {
  const { from, origin, signedIdentity } = wanted;
  const isOwn =
    wanted.keys.length > 0 || wanted.policy !== undefined || wanted.insecureAcceptAnything;
  const { keys, policy } = isOwn ? wanted : settings;
  const acceptsAnything = isOwn
    ? wanted.insecureAcceptAnything
    : settings['insecure-accept-anything'];
  if (keys.length > 0 && (policy !== undefined || acceptsAnything)) {
    const other = policy === undefined ? 'insecureAcceptAnything' : 'policy';
    const message = `${origin}: keys and ${other} both say which images are taken`;
    throw new UsageError(message, 'leave one of them out');
  }
  if (policy !== undefined && signedIdentity) {
    const message = `${origin}: signedIdentity is for keys, and the policy has its own`;
    throw new UsageError(message, `write it into ${policy}`);
  }
  const nameOption = (name: 'keys' | 'policy'): string =>
    isOwn ? `${origin}: ${name}` : (settings.origins[name] ?? `--${name}`);
  return SourcePolicy.read(from, {
    keys,
    policy,
    signedIdentity,
    acceptsAnything,
    origin,
    keysOrigin: nameOption('keys'),
    policyOrigin: nameOption('policy'),
  });
}

function toStore(server: string, origin: string): string {
  const url = parseUrl(server);
  if (url && /^(?:https?|file):$/.test(url.protocol) && url.search === '' && url.hash === '') {
    return server;
  }
  const message = `${origin}: expected the address of a signature store, got ${JSON.stringify(server)}`;
  throw new UsageError(message, 'write it as nodes have it, like https://signatures.example.com');
}

function isLeftOut(glob: string): boolean {
  return glob.startsWith('!');
}

/** Without a tag to take, all are taken but those that are left out. */
function toFilter(globs: readonly string[]): TagFilter {
  const taken = globs.filter((glob) => !isLeftOut(glob));
  const leftOut = globs.filter(isLeftOut).map((glob) => toForm(glob.slice(1)));
  const forms = taken.map(toForm);
  const hasPattern = taken.length === 0 || taken.some((glob) => glob.includes('*'));
  const isWanted = (tag: string): boolean =>
    (forms.length === 0 || forms.some((form) => form.test(tag))) &&
    !leftOut.some((form) => form.test(tag));
  const named = hasPattern ? undefined : [...new Set(taken)].filter(isWanted);
  return { globs, named, isWanted };
}

/** `*` stands for any characters. */
function toForm(glob: string): RegExp {
  const parts = glob.split('*').map((part) => part.replaceAll(/[.-]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('.*')}$`);
}
