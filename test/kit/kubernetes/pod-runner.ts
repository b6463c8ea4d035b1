/**
 * Runs the container of a rendered pod on this machine, as a container runtime does: with its arguments and
 * environment, the entry point of our Containerfile, its volumes at their places as kubelet lays them out, its
 * user and groups, a read-only root, and no capability. Only ports are others, as the network is the machine's.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { chmod, chown, cp, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { type PidNamespace, startAsInit } from '../process/pid-namespace.ts';
import { KubeletVolume } from '../process/kubelet-volume.ts';

const ROOT = join(import.meta.dirname, '../../..');
const ENTER = join(import.meta.dirname, 'enter-pod.sh');
/** Where the Containerfile puts the program. */
const PROGRAM = '/opt/lookaside';
const WORLD_WRITABLE = 0o2777;

const item = z.object({ key: z.string(), path: z.string() });
const volume = z.looseObject({
  name: z.string(),
  emptyDir: z.unknown().optional(),
  configMap: z.object({ name: z.string(), items: z.array(item).optional() }).optional(),
  secret: z
    .object({ secretName: z.string(), items: z.array(item).optional(), defaultMode: z.number() })
    .optional(),
  projected: z
    .object({
      sources: z.array(
        z.object({
          configMap: z.object({ name: z.string() }).optional(),
          secret: z.object({ name: z.string() }).optional(),
        }),
      ),
    })
    .optional(),
});
const variable = z.union([
  z.object({ name: z.string(), value: z.string() }),
  z.object({
    name: z.string(),
    valueFrom: z.object({ secretKeyRef: z.object({ name: z.string(), key: z.string() }) }),
  }),
]);
const podSchema = z.looseObject({
  securityContext: z.looseObject({
    runAsUser: z.number().optional(),
    runAsGroup: z.number().optional(),
    fsGroup: z.number().optional(),
  }),
  containers: z.tuple([
    z.looseObject({
      args: z.array(z.string()),
      env: z.array(variable),
      volumeMounts: z.array(
        z.object({
          name: z.string(),
          mountPath: z.string(),
          subPath: z.string().optional(),
          readOnly: z.boolean().optional(),
        }),
      ),
    }),
  ]),
  volumes: z.array(volume),
});
type Volume = z.infer<typeof volume>;

type Files = Readonly<Record<string, string | Uint8Array>>;

export interface PodRun {
  /** As it was rendered. */
  readonly pod: unknown;
  /** What ConfigMaps and Secrets hold, by name. */
  readonly objects: Readonly<Record<string, Files>>;
  /** By the port that the pod says. */
  readonly ports: Readonly<Record<number, number>>;
  /** The user that OpenShift chooses; group 0, and the same number as fsGroup. */
  readonly openShiftUser?: number;
  /** Instead of the program. */
  readonly command?: readonly string[];
}

/** Starts it in an empty directory. It ends with the tests. */
export async function runPod(directory: string, run: PodRun): Promise<PidNamespace> {
  const pod = podSchema.parse(run.pod);
  const { runAsUser, runAsGroup = 0, fsGroup } = pod.securityContext;
  const [uid, gid, group] = [runAsUser, runAsGroup, fsGroup].map((id, index) =>
    run.openShiftUser === undefined || index === 1 ? id : run.openShiftUser,
  );
  if (uid === undefined || gid === undefined || group === undefined) {
    throw new Error('the pod leaves its user open: say openShiftUser');
  }
  await layImage(join(directory, 'upper'), uid);
  const volumes = new Map<string, string>();
  for (const one of pod.volumes) {
    const path = join(directory, 'volumes', one.name);
    await layVolume(path, one, run.objects);
    await own(path, group, one.secret?.defaultMode ?? 0o644);
    volumes.set(one.name, path);
  }
  const [container] = pod.containers;
  for (const { name, mountPath, subPath, readOnly } of container.volumeMounts) {
    const place = join(directory, 'upper', mountPath);
    await mkdir(subPath ? dirname(place) : place, { recursive: true });
    if (subPath) await writeFile(place, '');
    const path = join(volumes.get(name) ?? name, subPath ?? '');
    const line = `${path} ${mountPath} ${readOnly ? 'ro' : 'rw'}\n`;
    appendFileSync(join(directory, 'mounts'), line);
  }
  const { entry, env: ofImage } = readImage();
  const given = Object.fromEntries(
    container.env.map((one) => [one.name, readVariable(one, run.objects)]),
  );
  const environment = mapPorts({ ...ofImage, ...given }, run.ports);
  const args = container.args.map((arg) =>
    arg.replaceAll(/\$\((\w+)\)/g, (all, name: string) => environment[name] ?? all),
  );
  const pairs = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const command = run.command ?? [...entry, ...args];
  const who = [uid, gid, group].map(String);
  return startAsInit([ENTER, directory, ...who, 'env', '-i', ...pairs, ...command]);
}

function readVariable(one: z.infer<typeof variable>, objects: PodRun['objects']): string {
  if ('value' in one) return one.value;
  const { name, key } = one.valueFrom.secretKeyRef;
  const content = objects[name]?.[key];
  if (content === undefined) throw new Error(`${name} has no ${key}`);
  return content.toString();
}

/** What the image has besides what this machine has: the program, and its user. */
async function layImage(upper: string, uid: number): Promise<void> {
  await mkdir(join(upper, PROGRAM), { recursive: true });
  for (const name of ['bundled', 'package.json']) {
    await cp(join(ROOT, name), join(upper, PROGRAM, name), { recursive: true });
  }
  const others = readFileSync('/etc/passwd', 'utf8').replaceAll(/^[^:]*:[^:]*:1001:.*\n/gm, '');
  const named = 'lookaside:x:1001:0::/var/lib/lookaside:/sbin/nologin\n';
  // CRI-O adds the user that it was told.
  const chosen = uid === 1001 ? '' : `${uid}:x:${uid}:0:::/sbin/nologin\n`;
  await mkdir(join(upper, 'etc'));
  await writeFile(join(upper, 'etc/passwd'), `${others}${named}${chosen}`);
}

function readImage(): {
  readonly entry: readonly string[];
  readonly env: Readonly<Record<string, string>>;
} {
  const text = readFileSync(join(ROOT, 'Containerfile'), 'utf8').replaceAll(/\\\n\s*/g, '');
  const [, entry = ''] = /^ENTRYPOINT (.*)$/m.exec(text) ?? [];
  const [, env = ''] = /^ENV (.*)$/m.exec(text) ?? [];
  const pairs = env.split(' ').map((pair) => pair.split('=', 2) as [string, string]);
  const PATH = `${dirname(process.execPath)}:/usr/bin:/bin`;
  return {
    entry: z.array(z.string()).parse(JSON.parse(entry)),
    env: { PATH, ...Object.fromEntries(pairs) },
  };
}

async function layVolume(path: string, one: Volume, objects: PodRun['objects']): Promise<void> {
  const filesOf = (name: string): Files => {
    const files = objects[name];
    if (files === undefined) throw new Error(`${name} is not given`);
    return files;
  };
  if ('emptyDir' in one) {
    await mkdir(path, { recursive: true });
    return;
  }
  const { name, items } = one.configMap ?? {
    name: one.secret?.secretName,
    items: one.secret?.items,
  };
  const sources = one.projected?.sources.map(({ configMap, secret }) => configMap ?? secret);
  const files = name === undefined ? {} : filesOf(name);
  const chosen = items?.map(({ key, path: at }): [string, string | Uint8Array] => {
    const content = files[key];
    if (content === undefined) throw new Error(`${name} has no ${key}`);
    return [at, content];
  });
  const joined = sources?.map((source) => filesOf(source?.name ?? ''));
  const all = chosen === undefined ? files : Object.fromEntries(chosen);
  await new KubeletVolume(path).write(Object.assign({}, all, ...(joined ?? [])) as Files);
}

/** As kubelet does with an fsGroup (kubernetes pkg/volume/volume_linux.go). */
async function own(path: string, group: number, mode: number): Promise<void> {
  await chown(path, 0, group);
  await chmod(path, WORLD_WRITABLE);
  for (const name of await readdir(path)) {
    const inner = join(path, name);
    const stats = await stat(inner);
    if (stats.isDirectory()) await own(inner, group, mode);
    else {
      await chown(inner, 0, group);
      await chmod(inner, mode | 0o440);
    }
  }
}

function mapPorts(
  environment: Readonly<Record<string, string>>,
  ports: PodRun['ports'],
): Readonly<Record<string, string>> {
  const map = (value: string): string =>
    value.replace(/^:(\d+)$/, (_all, port: string) => `:${ports[Number(port)] ?? port}`);
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [
      name,
      name.endsWith('_LISTEN') ? map(value) : value,
    ]),
  );
}
