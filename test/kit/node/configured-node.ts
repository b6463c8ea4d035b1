// Machines that have exactly the files which a tool has written for them.
import { join } from 'node:path';
import { type Clients, createClients } from './clients.ts';
import { run } from '../process/run.ts';
import { makeTemporary } from '../temporary.ts';

/** Sees `$1` laid over `/etc`, in a mount namespace of its own: the machine's stays as it is. */
const LAID_OVER = 'mount -t overlay overlay -o "lowerdir=$1:/etc" /etc && shift && exec "$@"';
const UNSHARE = ['unshare', '--mount', 'sh', '-e', '-c', LAID_OVER, 'sh'];
const AS_NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', 'env'];

/** Whether this machine lets us lay files over its own, as Linux does for root. */
export async function canLayOver(): Promise<boolean> {
  const empty = await makeTemporary();
  const [command, ...args] = [...UNSHARE, empty, 'true'];
  return run(command, args).then(
    ({ code }) => code === 0,
    () => false,
  );
}

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
