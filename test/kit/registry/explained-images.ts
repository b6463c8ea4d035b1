// Images that nodes accept or refuse, each for a reason of its own, and the repository of their
// signatures.
import { join } from 'node:path';
import { type GitRemote, makeGitRemote } from '../remote/git-remote.ts';
import { type PushedImage, type Registry, startRegistry } from './registry.ts';
import { runOrThrow } from '../process/run.ts';
import { architecture } from './scratch-image.ts';
import { formatLocation } from '../signer/signature-tree.ts';
import { makeSigner } from '../signer/signer.ts';

/** By what is wrong with them. */
export const EXPLAINED = [
  'signed',
  'list',
  'signed-list',
  'other-name',
  'other-digests',
  'removed',
  'quarantined',
  'quarantined-beside',
  'elsewhere',
  'unknown-repository',
  'co-signed',
  'below-mirror',
] as const;
export type ExplainedName = (typeof EXPLAINED)[number];

export interface ExplainedImages {
  readonly registry: Registry;
  readonly remote: GitRemote;
  /** The node's key, and that of another team. */
  readonly keyFile: string;
  readonly otherKeyFile: string;
  readonly fingerprint: string;
  /** As pulled: `HOST:PORT/REPOSITORY:TAG`, and what was pushed there. */
  readonly images: Readonly<Record<ExplainedName, PushedImage>>;
  /** The commits that damaged and removed signatures. */
  readonly damagedBy: string;
  readonly removedBy: string;
  readonly stop: () => Promise<void>;
}

/** The architecture of the list's instance that nobody has signed. */
export const UNSIGNED_ARCHITECTURE = 's390x';

export async function makeExplainedImages(): Promise<ExplainedImages> {
  const [registry, signer, remote] = await Promise.all([
    startRegistry(),
    makeSigner(),
    makeGitRemote(),
  ]);
  const key = await signer.makeKey({ algorithm: 'ed25519' });
  const other = await signer.makeKey({ algorithm: 'ed25519' });
  const push = (name: ExplainedName, architectures?: readonly string[]) => {
    const repository = `team/${name}`;
    return registry.pushImage({ repository, tag: 'v1', ...(architectures && { architectures }) });
  };
  /** The place of a signature of an image, and its bytes. */
  const sign = async (
    image: PushedImage,
    { by = key, number = 1, digest = image.digest, below = '' } = {},
  ) => {
    const claims = { dockerReference: image.reference, manifestDigest: digest };
    const location = formatLocation(
      `${below}${image.name.slice(registry.host.length + 1)}`,
      digest,
      number,
    );
    return { location, bytes: await signer.sign(by, claims) };
  };
  const publish = async (image: PushedImage, options?: Parameters<typeof sign>[1]) => {
    const { location, bytes } = await sign(image, options);
    await remote.commit({ [location]: bytes }, 'Sign');
    return location;
  };

  const signed = await push('signed');
  await publish(signed);
  const list = await push('list', [architecture, UNSIGNED_ARCHITECTURE]);
  await publish(list, { digest: list.instances.get(architecture) ?? '' });

  const signedList = await push('signed-list', [architecture, UNSIGNED_ARCHITECTURE]);
  await publish(signedList);

  const named = await push('other-name');
  await publish(named);
  const renamed = { ...named, reference: `${named.name}:v2` };
  await copy(named, renamed.reference);

  await publish(await push('other-digests'));
  const again = await push('other-digests');

  const removed = await push('removed');
  const gone = await publish(removed);
  const damaged = await push('quarantined');
  const broken = await publish(damaged);
  // The signature of v1 is good, and that of v2 damaged.
  const beside = await push('quarantined-beside');
  await publish(beside);
  const second = { ...beside, reference: `${beside.name}:v2` };
  await copy(beside, second.reference);
  const { location: brokenToo } = await sign(second, { number: 2 });

  const original = await push('elsewhere');
  await publish(original);
  const copied = { ...original, name: `${registry.host}/team/copy` };
  await copy(original, `${copied.name}:v1`);

  const coSigned = await push('co-signed');
  await publish(coSigned);
  await publish(coSigned, { by: other, number: 2 });

  const belowMirror = await push('below-mirror');
  await publish(belowMirror, { below: 'mirror/' });

  const unknown = await push('unknown-repository');
  const page = '<!doctype html>';
  const damagedBy = await remote.commit({ [broken]: page, [brokenToo]: page }, 'Add <b>page</b>');
  const removedBy = await remote.publish({ [gone]: null });

  return {
    registry,
    remote,
    keyFile: await signer.exportKeys(join(signer.home, 'key.asc'), key),
    otherKeyFile: await signer.exportKeys(join(signer.home, 'other.gpg'), other),
    fingerprint: key.fingerprint,
    images: {
      signed,
      list,
      'signed-list': signedList,
      'other-name': renamed,
      'other-digests': again,
      removed,
      quarantined: damaged,
      'quarantined-beside': second,
      elsewhere: { ...copied, reference: `${copied.name}:v1` },
      'unknown-repository': unknown,
      'co-signed': coSigned,
      'below-mirror': belowMirror,
    },
    damagedBy,
    removedBy,
    stop: async () => {
      await Promise.all([registry.stop(), signer.stop(), remote.remove()]);
    },
  };
}

async function copy({ reference }: PushedImage, to: string): Promise<void> {
  const tls = ['--src-tls-verify=false', '--dest-tls-verify=false'];
  const images = [`docker://${reference}`, `docker://${to}`];
  await runOrThrow('skopeo', ['--insecure-policy', 'copy', ...tls, ...images]);
}
