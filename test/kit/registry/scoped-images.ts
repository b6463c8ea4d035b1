// Images of several scopes, each signed in its own way, and a store of their signatures.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Registry, startRegistry } from './registry.ts';
import { writeSignature } from '../signer/signature-tree.ts';
import { makeSigner, type Signer, type SigningKey } from '../signer/signer.ts';
import { makeTemporary, removeTemporary } from '../temporary.ts';

/** Namespaces of the registry; each is a scope. */
const SCOPES = ['flat', 'deep', 'first', 'mirror', 'both', 'either'] as const;
export type ScopeName = (typeof SCOPES)[number];

/** What signed an image, by its repository within the scope. */
const SIGNED_BY = { red: ['red'], blue: ['blue'], both: ['red', 'blue'], none: [] } as const;
export type Signed = keyof typeof SIGNED_BY;

export interface ScopedImages {
  readonly registry: Registry;
  readonly signer: Signer;
  readonly red: SigningKey;
  readonly redFile: string;
  readonly blueFile: string;
  /** The signatures. */
  readonly store: string;
  /** A configuration with a scope for each namespace. */
  readonly config: string;
  /** The same, but with both keys for every scope: a store that takes the word of either. */
  readonly laxConfig: string;
  /** `HOST:PORT/scope/signed:v1` */
  readonly image: (scope: ScopeName, signed: Signed) => string;
  readonly stop: () => Promise<void>;
}

/** A directory of the store whose name nodes have to escape. */
export const ODD_PREFIX = "images/ü (1) 100% it's?#";

export async function makeScopedImages(): Promise<ScopedImages> {
  const [registry, signer, directory] = await Promise.all([
    startRegistry(),
    makeSigner(),
    makeTemporary(),
  ]);
  const { host } = registry;
  const keys = {
    red: await signer.makeKey({ name: 'Red', algorithm: 'ed25519' }),
    blue: await signer.makeKey({ name: 'Blue', algorithm: 'ed25519' }),
  };
  const redFile = await signer.exportKeys(join(directory, 'red.asc'), keys.red);
  const blueFile = await signer.exportKeys(join(directory, 'blue.gpg'), keys.blue);
  const store = join(directory, 'store');
  await mkdir(store);

  const remap = { type: 'remapIdentity', prefix: `${host}/mirror`, signedPrefix: `${host}/origin` };
  const scopes: Record<ScopeName, object> = {
    flat: { keys: redFile },
    deep: { keys: redFile, prefix: ODD_PREFIX },
    first: { keys: blueFile, prefix: host },
    mirror: { keys: redFile, signedIdentity: remap },
    both: { keys: [redFile, blueFile], require: 'all' },
    either: { keys: [redFile, blueFile] },
  };
  const prefixes: Partial<Record<ScopeName, string>> = { deep: ODD_PREFIX, first: host };
  const configure = async (file: string, more: object): Promise<string> => {
    const named = Object.entries(scopes).map(([name, scope]) => [
      `${host}/${name}`,
      { ...scope, ...more },
    ]);
    // JSON is YAML.
    await writeFile(join(directory, file), JSON.stringify({ scopes: Object.fromEntries(named) }));
    return join(directory, file);
  };

  const sign = async (scope: ScopeName, signed: Signed): Promise<void> => {
    const repository = `${scope}/${signed}`;
    const { digest } = await registry.pushImage({ repository, tag: 'v1' });
    const identity = `${host}/${repository.replace('mirror', 'origin')}:v1`;
    for (const [index, by] of SIGNED_BY[signed].entries()) {
      const claims = { dockerReference: identity, manifestDigest: digest };
      const location = { repository, digest, number: index + 1 };
      const bytes = await signer.sign(keys[by], claims);
      await writeSignature(join(store, prefixes[scope] ?? ''), location, bytes);
    }
  };
  const wanted: readonly Signed[] = ['red', 'blue', 'none'];
  await Promise.all(
    SCOPES.map(async (scope) => {
      for (const signed of wanted) await sign(scope, signed);
    }),
  );
  await sign('both', 'both');

  return {
    registry,
    signer,
    red: keys.red,
    redFile,
    blueFile,
    store,
    config: await configure('lookaside.yaml', {}),
    laxConfig: await configure('lax.yaml', { keys: [redFile, blueFile], require: 'any' }),
    image: (scope, signed) => `${host}/${scope}/${signed}:v1`,
    stop: async () => {
      await Promise.all([registry.stop(), signer.stop(), removeTemporary(directory)]);
    },
  };
}
