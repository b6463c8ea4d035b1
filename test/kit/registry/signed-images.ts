import { join } from 'node:path';
import { type GitRemote, makeGitRemote } from '../remote/git-remote.ts';
import { type PushedImage, type Registry, startRegistry } from './registry.ts';
import { runOrThrow } from '../process/run.ts';
import { architecture } from './scratch-image.ts';
import { signWithSkopeo } from '../signer/sign-with-skopeo.ts';
import { writeSignature } from '../signer/signature-tree.ts';
import { makeSigner, type SigningKey } from '../signer/signer.ts';

/** A registry with images, and the repository of their signatures, pushed. */
export interface SignedImages {
  readonly registry: Registry;
  readonly remote: GitRemote;
  /** Key files: the node's, and somebody else's. */
  readonly keyFile: string;
  readonly otherKeyFile: string;
  /** `team/app:signed`, by the node's key and with skopeo. */
  readonly signed: PushedImage;
  readonly unsigned: PushedImage;
  /** Signed by the other key alone. */
  readonly foreign: PushedImage;
  /** signature-1 by the other key, signature-2 by the node's. */
  readonly twice: PushedImage;
  /** A list; only the instance of this machine is signed. */
  readonly list: PushedImage;
  /** The tags `one` and `two` are signed, `three` is not; all name one digest. */
  readonly tagged: PushedImage;
  readonly stop: () => Promise<void>;
}

export async function makeSignedImages(): Promise<SignedImages> {
  const [registry, signer, remote] = await Promise.all([
    startRegistry(),
    makeSigner(),
    makeGitRemote(),
  ]);
  const [key, other] = await Promise.all([
    signer.makeKey(),
    signer.makeKey({ algorithm: 'ed25519' }),
  ]);
  const push = (tag: string, architectures?: readonly string[]) =>
    registry.pushImage({ repository: 'team/app', tag, ...(architectures && { architectures }) });
  const sign = async (by: SigningKey, dockerReference: string, digest: string, number = 1) => {
    const bytes = await signer.sign(by, { dockerReference, manifestDigest: digest });
    await writeSignature(remote.work, { repository: 'team/app', digest, number }, bytes);
  };

  const signed = await push('signed');
  await signWithSkopeo({ signer, key, image: signed.reference, stagingDirectory: remote.work });
  const [unsigned, foreign, twice, tagged] = [
    await push('unsigned'),
    await push('foreign'),
    await push('twice'),
    await push('one'),
  ];
  const list = await push('list', [architecture, 's390x']);
  await sign(other, foreign.reference, foreign.digest);
  await sign(other, twice.reference, twice.digest, 1);
  await sign(key, twice.reference, twice.digest, 2);
  await sign(key, list.reference, list.instances.get(architecture) ?? '');
  for (const [index, tag] of ['one', 'two'].entries()) {
    await sign(key, `${tagged.name}:${tag}`, tagged.digest, index + 1);
  }
  for (const tag of ['two', 'three']) {
    const tls = ['--src-tls-verify=false', '--dest-tls-verify=false'];
    const images = [`docker://${tagged.reference}`, `docker://${tagged.name}:${tag}`];
    await runOrThrow('skopeo', ['--insecure-policy', 'copy', ...tls, ...images]);
  }
  await remote.publish({});

  return {
    registry,
    remote,
    signed,
    unsigned,
    foreign,
    twice,
    list,
    tagged,
    keyFile: await signer.exportKeys(join(signer.home, 'key.gpg'), key),
    otherKeyFile: await signer.exportKeys(join(signer.home, 'other.asc'), other),
    stop: async () => {
      await Promise.all([registry.stop(), signer.stop(), remote.remove()]);
    },
  };
}
