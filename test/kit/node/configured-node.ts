// Machines that have exactly the files which a tool has written for them.
import { join } from 'node:path';
import { type Clients, createClients } from './clients.ts';
import { isRoot } from './node-root.ts';
import { makeTemporary } from '../temporary.ts';

/** Sees `$1` laid over `/etc`, in a mount namespace of its own: the machine's stays as it is. */
const LAID_OVER = 'mount -t overlay overlay -o "lowerdir=$1:/etc" /etc && shift && exec "$@"';
/** Others than root are it in a user namespace of their own, which most systems let them make. */
const UNSHARE_MOUNTS = isRoot ? ['--mount'] : ['--map-root-user', '--mount'];
const UNSHARE = ['unshare', ...UNSHARE_MOUNTS, 'sh', '-e', '-c', LAID_OVER, 'sh'];
const AS_NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', 'env'];

/** The tools of a machine with a tree of files laid over `/`; nothing is below its HOME. */
export async function onSystem(
  tree: string,
  skopeoFlags: readonly string[] = [],
): Promise<Clients> {
  const home = await makeTemporary();
  return createClients({ home, wrapper: [...UNSHARE, join(tree, 'etc')], skopeoFlags });
}

/** The tools of a user who has a tree of files in HOME; skopeo without the rights of root. */
export function inHome(home: string): Clients {
  const { pullWithPodman } = createClients({ home });
  const wrapper = [...AS_NOBODY, `XDG_RUNTIME_DIR=${home}`];
  const { copyWithSkopeo } = createClients({ home, wrapper });
  return { pullWithPodman, copyWithSkopeo };
}
