// `lookaside release configmap|check`: signatures of OpenShift's releases, for clusters that cannot reach a store,
// and for people who want to know beforehand whether an update will be accepted.
import type { Settings } from '../base/options.ts';
import type { ProcessIo } from '../base/process-io.ts';
import { UsageError } from '../base/usage-error.ts';
import { tellRefused } from '../inputs/tell-refused.ts';
import { checkConfigMapFile } from './check-configmap-file.ts';
import { checkReleaseOf } from './check-release-of.ts';
import { writeConfigMaps } from './write-configmaps.ts';

/** Settles with the exit code. `flags` are the options that the command line has. */
export async function release(
  [action, ...operands]: readonly string[],
  settings: Settings,
  io: ProcessIo,
  flags: ReadonlySet<string>,
): Promise<number> {
  const known = flags.has('keys') ? withReleaseKeys(settings) : settings;
  if (action === 'configmap') {
    return tellRefused(io, async () =>
      settings.check === undefined
        ? writeConfigMaps(oneOperand(operands, 'SOURCE'), known, io)
        : checkConfigMapFile(settings.check, known, io),
    );
  }
  if (action === 'check') return tellRefused(io, async () => checkReleaseOf(operands, known, io));
  throw new UsageError(
    `expected configmap or check, got ${JSON.stringify(action)}`,
    'write lookaside release configmap SOURCE, or lookaside release check DIGEST SOURCE',
  );
}

/**
 * With --keys all of the source is one release area. Those of a configuration file sign images: they say nothing of
 * releases.
 */
function withReleaseKeys({ keys, ...settings }: Settings): Settings {
  const { origins } = settings;
  const area = { prefix: '', from: '', keys };
  const named = { ...origins, releases: origins.keys ?? '--keys' };
  return { ...settings, keys: [], scopes: undefined, releases: [area], origins: named };
}

function oneOperand(operands: readonly string[], name: string): string {
  const [operand, ...more] = operands;
  if (operand === undefined || more.length > 0) {
    throw new UsageError(
      `expected one ${name}, got ${operands.length}`,
      'write lookaside release configmap SOURCE --out DIR',
    );
  }
  return operand;
}
