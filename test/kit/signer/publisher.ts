import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type SendPushOptions, sendPush } from '../program/send-push.ts';
import { formatLocation } from './signature-tree.ts';
import { makeSigner, type Signer, type SigningKey } from './signer.ts';

export interface SignOptions {
  readonly repository?: string;
  /** A random one unless told. */
  readonly digest?: string;
  readonly number?: number;
  readonly key?: SigningKey;
}

export interface SignedFile {
  readonly location: string;
  readonly bytes: Buffer;
}

/** Somebody who signs images, pushes the signatures and tells the server by webhook. */
export interface Publisher {
  readonly signer: Signer;
  readonly key: SigningKey;
  readonly keyFile: string;
  readonly secret: string;
  readonly secretFile: string;
  /** What `serve` is told: keys, webhook secret, state directory, no polling. */
  readonly serveArgs: (stateDirectory: string) => string[];
  /** Signs an image of `registry.example` that exists nowhere. */
  readonly sign: (options?: SignOptions) => Promise<SignedFile>;
  /** Sends the webhook for a push of `commit` to main. */
  readonly announce: (
    server: { readonly baseUrl: string },
    commit: string,
    options?: Partial<SendPushOptions>,
  ) => ReturnType<typeof sendPush>;
  readonly stop: () => Promise<void>;
}

/** Makes a publisher with a fast key; `stop` removes all its files. */
export async function makePublisher(): Promise<Publisher> {
  const signer = await makeSigner();
  const ownKey = await signer.makeKey({ algorithm: 'ed25519' });
  const keyFile = await signer.exportKeys(join(signer.home, 'key.asc'), ownKey);
  const secret = randomBytes(16).toString('hex');
  const secretFile = join(signer.home, 'secret');
  await writeFile(secretFile, `${secret}\n`);
  return {
    signer,
    key: ownKey,
    keyFile,
    secret,
    secretFile,
    serveArgs: (stateDirectory) => [
      `--keys=${keyFile}`,
      `--webhook-secret-file=${secretFile}`,
      `--state-dir=${stateDirectory}`,
      '--poll=0s',
    ],
    sign: async ({
      repository = 'team/app',
      digest = makeDigest(),
      number = 1,
      key = ownKey,
    } = {}) => {
      const dockerReference = `registry.example/${repository}:v1`;
      const bytes = await signer.sign(key, { dockerReference, manifestDigest: digest });
      return { location: formatLocation(repository, digest, number), bytes };
    },
    announce: ({ baseUrl }, commit, options) =>
      sendPush({ baseUrl, secret, after: commit, ...options }),
    stop: () => signer.stop(),
  };
}

function makeDigest(): string {
  return `sha256:${randomBytes(32).toString('hex')}`;
}
