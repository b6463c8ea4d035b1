import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clients, createClients } from './clients.ts';
import { makeTemporary, removeTemporary } from '../temporary.ts';

export interface NodeOptions {
  /** What the policy and the store hold for: `HOST:PORT`, a namespace, a repository or an image. */
  readonly scope: string;
  /** The base URL of the signature store. */
  readonly lookaside: string;
  /** Files of public keys: a signature by any of them is good. */
  readonly keys: readonly string[];
  /** A `signedIdentity` object of containers-policy.json(5). */
  readonly signedIdentity?: object;
  /** Requirements for the scope instead of `signedBy`, e.g. `[{type: 'insecureAcceptAnything'}]`. */
  readonly requirements?: readonly object[];
}

export interface Node extends Clients {
  /** Its HOME, with `.config/containers/policy.json` and `registries.d/`. */
  readonly home: string;
  readonly remove: () => Promise<void>;
}

/** A machine that pulls and trusts nothing but what its policy allows; the default is `reject`. */
export async function makeNode(options: NodeOptions): Promise<Node> {
  const { scope, lookaside, keys, signedIdentity, requirements } = options;
  const home = await makeTemporary();
  const containers = join(home, '.config', 'containers');
  const registriesD = join(containers, 'registries.d');
  const policyFile = join(containers, 'policy.json');
  await mkdir(registriesD, { recursive: true });
  // JSON is YAML.
  await writeFile(
    join(registriesD, 'lookaside.yaml'),
    JSON.stringify({ docker: { [scope]: { lookaside } } }),
  );
  const signedBy = { type: 'signedBy', keyType: 'GPGKeys', keyPaths: keys, signedIdentity };
  const policy = {
    default: [{ type: 'reject' }],
    transports: { docker: { [scope]: requirements ?? [signedBy] } },
  };
  await writeFile(policyFile, JSON.stringify(policy));
  const skopeoFlags = ['--registries.d', registriesD, '--policy', policyFile];
  return {
    ...createClients({ home, skopeoFlags }),
    home,
    remove: () => removeTemporary(home),
  };
}
