import { GivenUp } from '../../generator/openpgp/given-up.ts';
import { type Gpgv, openGpgv } from '../../generator/openpgp/gpgv.ts';
import { LastingGpgv } from '../../generator/openpgp/lasting-gpgv.ts';
import {
  INSTALL_GPGV,
  type OpenMessage,
  createOpenMessage,
} from '../../generator/openpgp/open-message.ts';
import { PLAIN_RULE } from '../../generator/openpgp/packets/plain-message.ts';
import { RsaVerifier } from '../../generator/openpgp/rsa-in-thread.ts';
import { listKeyWarnings } from '../../generator/policy/key-warnings.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import type { Budgets } from '../../generator/terms/budgets.ts';
import type { Environment } from '../base/read-settings.ts';
import { readVersion } from '../base/read-version.ts';
import { explainTemporary } from './unusable-directory.ts';

/** What verifies signatures. */
export interface Engines {
  readonly openMessage: OpenMessage;
  /** Changes when another version, or one with other budgets, might judge otherwise. */
  readonly id: string;
  /** Undefined where there is no gpgv that can be used. */
  readonly gpgv: Gpgv | undefined;
  readonly close: () => Promise<void>;
}

/** Opens both engines; gpgv keeps its files below `directory`. */
export async function openEngines(
  environment: Environment,
  directory: string,
  budgets: Budgets,
): Promise<Engines> {
  const options = { path: environment['PATH'], directory, timeLimit: budgets.gpgvTime };
  const gpgv = await openGpgv(options).catch((error: unknown) => {
    throw explainTemporary(error);
  });
  const rsa = new RsaVerifier();
  return {
    openMessage: createOpenMessage(gpgv, rsa.isSignedByRsa),
    id: `${judgedBy(budgets)}, gpgv ${gpgv?.version ?? 'none'}`,
    gpgv,
    close: async () => {
      await Promise.all([rsa.close(), gpgv?.close()]);
    },
  };
}

function judgedBy({ pathDepth, pathLength }: Budgets): string {
  return `lookaside ${readVersion()}, plain ${PLAIN_RULE}, paths ${pathDepth} ${pathLength}`;
}

function elapsed(): number {
  return performance.now();
}

/** The same for a server, which outlives a gpgv that comes and goes. */
export interface LastingEngines {
  readonly openMessage: OpenMessage;
  /** Changes when another version of all but gpgv might judge otherwise. */
  readonly id: string;
  readonly gpgv: LastingGpgv;
  /** Messages that gpgv was asked about in vain. */
  readonly givenUp: GivenUp;
  readonly close: () => Promise<void>;
}

/** Opens both engines for as long as a server runs; gpgv keeps its files below `directory`. */
export async function openLastingEngines(
  environment: Environment,
  directory: string,
  budgets: Budgets,
): Promise<LastingEngines> {
  const givenUp = new GivenUp({ elapsed, now: () => new Date() });
  const options = { path: environment['PATH'], directory, timeLimit: budgets.gpgvTime, givenUp };
  const open = async (): Promise<Gpgv | undefined> => openGpgv(options);
  const gpgv = new LastingGpgv({ open, elapsed });
  await gpgv.lookAgain().catch((error: unknown) => {
    throw explainTemporary(error);
  });
  const rsa = new RsaVerifier();
  return {
    openMessage: createOpenMessage(gpgv, rsa.isSignedByRsa),
    id: judgedBy(budgets),
    gpgv,
    givenUp,
    close: async () => {
      await Promise.all([rsa.close(), gpgv.close()]);
    },
  };
}

/** What to say of the keys at the start: what nodes do not take, and if an engine for them is missing. */
export function warnOfKeys(policy: Policy, { gpgv }: Engines | LastingEngines): readonly string[] {
  const warnings = listKeyWarnings(policy);
  const keys = policy.keyring?.forGpgv ?? [];
  if (gpgv?.version !== undefined || keys.length === 0) return warnings;
  const missing = `only gpgv can judge signatures by ${keys.join(', ')}, and it is not installed. ${INSTALL_GPGV}`;
  return [...warnings, missing];
}
