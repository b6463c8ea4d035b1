import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run, type RunResult } from './run.ts';
import { makeTemporary, removeTemporary } from './temporary.ts';

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

export interface PullResult {
  readonly outcome: 'accepted' | 'refused';
  readonly stderr: string;
}

export interface Node {
  /** Its HOME, with `.config/containers/policy.json` and `registries.d/`. */
  readonly home: string;
  /** Pulls with podman into a store of its own. Throws when it fails for another reason than trust. */
  readonly pullWithPodman: (image: string) => Promise<PullResult>;
  /** Copies with skopeo into a directory; `flags` are for `copy`. Throws as podman's. */
  readonly copyWithSkopeo: (image: string, ...flags: readonly string[]) => Promise<PullResult>;
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
  // Both find their files below HOME, as root too.
  const env = { HOME: home, XDG_CONFIG_HOME: undefined };

  return {
    home,
    async pullWithPodman(image) {
      const store = ['--root', join(home, 'root'), '--runroot', join(home, 'runroot')];
      const state = ['--tmpdir', join(home, 'tmp'), '--events-backend', 'none'];
      const global = [...store, ...state, '--storage-driver', 'vfs'];
      const args = [...global, 'pull', '--quiet', '--tls-verify=false', image];
      return toPullResult(await run('podman', args, { env }));
    },
    async copyWithSkopeo(image, ...flags) {
      const target = await makeTemporary();
      const global = ['--registries.d', registriesD, '--policy', policyFile];
      const copy = ['copy', ...flags, '--src-tls-verify=false', `docker://${image}`];
      const result = await run('skopeo', [...global, ...copy, `dir:${target}`], { env });
      await removeTemporary(target);
      return toPullResult(result);
    },
    remove: () => removeTemporary(home),
  };
}

function toPullResult({ code, stderr }: RunResult): PullResult {
  if (code === 0) return { outcome: 'accepted', stderr };
  if (/Source image rejected|reading signatures?\b/i.test(stderr)) {
    return { outcome: 'refused', stderr };
  }
  throw new Error(`the pull failed, but not for lack of trust (exit code ${code}): ${stderr}`);
}
