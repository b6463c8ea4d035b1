// `lookaside release configmap --check FILE`: what a cluster makes of ConfigMaps.
import { text } from 'node:stream/consumers';
import {
  type CheckedConfigMaps,
  ConfigMapFileError,
  checkConfigMaps,
  findUnverified,
} from '../../generator/release/configmap/check-configmaps.ts';
import { readBounded } from '../../generator/system/read-bounded.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import { isRejection } from '../../generator/terms/rejection.ts';
import { formatJson } from '../../generator/terms/text.ts';
import { assertFormat } from '../base/assert-format.ts';
import type { Settings } from '../base/options.ts';
import { type ProcessIo, write } from '../base/process-io.ts';
import { UsageError } from '../base/usage-error.ts';
import { readKeyringsOf } from './read-keyrings-of.ts';

/** Of hundreds of ConfigMaps. Bytes. */
const MAX_FILE_BYTES = 256 * 1024 * 1024;

/** 1 where a signature is not found, or a digest has none that is accepted. */
export async function checkConfigMapFile(
  path: string,
  settings: Settings,
  io: ProcessIo,
): Promise<number> {
  assertFormat('release', settings);
  const keyrings = await readKeyringsOf(settings);
  const content = await readText(path, io);
  const checked = check(path, content, () => checkConfigMaps(content, keyrings, new Date()));
  const unverified = findUnverified(checked);
  const output =
    settings.format === 'json'
      ? `${formatJson(toJson(checked, unverified), 2)}\n`
      : formatText(checked, unverified);
  await write(io.stdout, output);
  const hasFault = checked.findings.some(({ level }) => level === 'fault');
  return hasFault || unverified.length > 0 || checked.found.length === 0 ? 1 : 0;
}

async function readText(path: string, io: ProcessIo): Promise<string> {
  if (path === '-') return text(io.stdin);
  try {
    return (await readBounded(path, MAX_FILE_BYTES)).toString();
  } catch (cause) {
    throw new UsageError(`cannot read ${path}: ${messageOf(cause)}`, undefined, { cause });
  }
}

function check<T>(path: string, content: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    if (!(cause instanceof ConfigMapFileError)) throw cause;
    const message = content.trim() === '' ? 'it is empty' : cause.message;
    const hint =
      'give what `lookaside release configmap` or oc-mirror wrote, or `oc get configmaps -n openshift-config-managed -o yaml` printed';
    throw new UsageError(`${path}: ${message}`, hint, { cause });
  }
}

function toJson(checked: CheckedConfigMaps, unverified: readonly string[]) {
  const signatures = checked.found.map(({ place, digest, verdict }) => ({
    place,
    digest,
    status: verdict === undefined ? 'unverified' : isRejection(verdict) ? 'rejected' : 'accepted',
    ...(verdict && isRejection(verdict) && { code: verdict.code, message: verdict.message }),
    ...(verdict && !isRejection(verdict) && { identity: verdict.identity }),
  }));
  const { configMaps, findings } = checked;
  return { version: 1, configMaps, signatures, findings, unverified };
}

function formatText(
  { configMaps, found, findings }: CheckedConfigMaps,
  unverified: readonly string[],
): string {
  const lines = findings.map(({ level, place, message }) => `${place}: ${level}: ${message}`);
  for (const { place, verdict } of found) {
    if (verdict && isRejection(verdict)) {
      lines.push(`${place}: rejected: ${verdict.code}: ${verdict.message}`);
    }
  }
  lines.push(...unverified.map((digest) => `${digest}: no signature of it is accepted`));
  const digests = new Set(found.map(({ digest }) => digest)).size;
  const judged = found.filter(({ verdict }) => verdict !== undefined).length;
  const good = found.filter(({ verdict }) => verdict && !isRejection(verdict)).length;
  const verdict = judged === 0 ? 'not verified: no keys were given' : `${good} accepted`;
  lines.push(
    `${configMaps} ConfigMaps: the cluster-version operator finds ${found.length} signatures of ${digests} releases, ${verdict}`,
  );
  return `${lines.join('\n')}\n`;
}
