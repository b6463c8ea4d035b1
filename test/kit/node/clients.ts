import { join } from 'node:path';
import { run, type RunResult } from '../process/run.ts';
import { makeTemporary, removeTemporary } from '../temporary.ts';

export interface PullResult {
  readonly outcome: 'accepted' | 'refused';
  readonly stderr: string;
}

/** The container tools of a machine. */
export interface Clients {
  /** Pulls with podman into a store of its own. Throws when it fails for another reason than trust. */
  readonly pullWithPodman: (image: string) => Promise<PullResult>;
  /** Copies with skopeo into a directory; `flags` are for `copy`. Throws as podman's. */
  readonly copyWithSkopeo: (image: string, ...flags: readonly string[]) => Promise<PullResult>;
}

export interface ClientsOptions {
  readonly home: string;
  /** Global flags of skopeo, which podman has not. */
  readonly skopeoFlags?: readonly string[];
  /** What stands before each command, as `unshare --mount`. */
  readonly wrapper?: readonly string[];
}

/** Tools that look for their files below HOME, as root too, and then below `/etc`. */
export function createClients({ home, skopeoFlags = [], wrapper = [] }: ClientsOptions): Clients {
  const runWrapped = async (...words: readonly string[]): Promise<PullResult> => {
    const [command = '', ...args] = [...wrapper, ...words];
    const env = { HOME: home, XDG_CONFIG_HOME: undefined };
    return toPullResult(await run(command, args, { env }));
  };
  return {
    async pullWithPodman(image) {
      const store = ['--root', join(home, 'root'), '--runroot', join(home, 'runroot')];
      const state = ['--tmpdir', join(home, 'tmp'), '--events-backend', 'none'];
      const global = [...store, ...state, '--storage-driver', 'vfs'];
      return runWrapped('podman', ...global, 'pull', '--quiet', '--tls-verify=false', image);
    },
    async copyWithSkopeo(image, ...flags) {
      const target = await makeTemporary(0o777);
      const copy = ['copy', ...flags, '--src-tls-verify=false', `docker://${image}`];
      try {
        return await runWrapped('skopeo', ...skopeoFlags, ...copy, `dir:${target}`);
      } finally {
        await removeTemporary(target);
      }
    },
  };
}

function toPullResult({ code, stderr }: RunResult): PullResult {
  if (code === 0) return { outcome: 'accepted', stderr };
  if (/Source image rejected|reading signatures?\b/i.test(stderr)) {
    return { outcome: 'refused', stderr };
  }
  throw new Error(`the pull failed, but not for lack of trust (exit code ${code}): ${stderr}`);
}
