import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type RunResult, run } from '../process/run.ts';
import { makeTemporary, removeTemporary } from '../temporary.ts';

/** A machine as it comes: it takes everything, and asks no store. */
export interface FreshNode {
  /** Runs lines of a shell, which stop at the first that fails; `/etc/` is the node's own. */
  readonly run: (commands: string) => Promise<RunResult>;
  readonly read: (path: string) => Promise<string>;
  readonly remove: () => Promise<void>;
}

/** `registry` is one that speaks plain HTTP. */
export async function makeFreshNode(registry: string): Promise<FreshNode> {
  const root = await makeTemporary();
  const containers = join(root, 'etc/containers');
  await mkdir(join(containers, 'registries.d'), { recursive: true });
  await mkdir(join(root, '.config'));
  // Without being root of a machine of its own, the clients look below HOME.
  await symlink(containers, join(root, '.config/containers'));
  const policyFile = join(containers, 'policy.json');
  await writeFile(policyFile, '{"default": [{"type": "insecureAcceptAnything"}]}');
  await writeFile(join(containers, 'registries.d/default.yaml'), 'default-docker: {}\n');
  const insecure = `[[registry]]\nlocation = "${registry}"\ninsecure = true\n`;
  await writeFile(join(containers, 'registries.conf'), insecure);
  const storage = `driver = "vfs"\ngraphroot = "${root}/graph"\nrunroot = "${root}/run"\n`;
  await writeFile(join(containers, 'storage.conf'), `[storage]\n${storage}`);
  const engine = `events_logger = "none"\ntmp_dir = "${root}/tmp"\n`;
  await writeFile(join(containers, 'containers.conf'), `[engine]\n${engine}`);
  const env = {
    HOME: root,
    TMPDIR: root,
    GNUPGHOME: root,
    XDG_CONFIG_HOME: undefined,
    CONTAINERS_CONF: join(containers, 'containers.conf'),
    CONTAINERS_STORAGE_CONF: join(containers, 'storage.conf'),
    CONTAINERS_REGISTRIES_CONF: join(containers, 'registries.conf'),
  };
  return {
    run: async (commands) => {
      const own = commands.replaceAll(/(?<= )\/etc\//g, `${root}/etc/`);
      const result = await run('sh', ['-ec', own], { env });
      // So that the paths that the policy names are the node's own too.
      const policy = await readFile(policyFile, 'utf8');
      await writeFile(policyFile, policy.replaceAll('"/etc/', `"${root}/etc/`));
      return result;
    },
    read: async (path) => readFile(join(root, path), 'utf8'),
    remove: async () => removeTemporary(root),
  };
}
