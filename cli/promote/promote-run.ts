import type { SignerDemand } from '../../signing/stage/signer-demand.ts';
import type { Settings } from '../base/options.ts';
import type { ProcessIo } from '../base/process-io.ts';
import type { PlatformOptions } from '../registry/read-platforms.ts';
import type { OpenStage } from './open-stage.ts';
import type { Selection } from './read-promotions.ts';

/** What a run works with. */
export interface PromoteRun {
  readonly selection: Selection;
  readonly settings: Settings;
  readonly io: ProcessIo;
  readonly stage: OpenStage;
  readonly demands: readonly SignerDemand[];
  readonly registry: PlatformOptions;
  readonly directory: string;
  readonly ending: AbortSignal;
}

/** What says who may sign at the stage that images come from. */
const OF_STAGE = ['keys', 'scopes', 'policy', 'policy-root'] as const;

/** The settings for the next stage, whose repository has rules of its own. */
export function toTargetSettings(settings: Settings): Settings {
  const origins = Object.entries(settings.origins).filter(
    ([name]) => !OF_STAGE.some((one) => one === name),
  );
  const own = { keys: [], scopes: undefined, policy: undefined, out: undefined };
  return { ...settings, ...own, origins: Object.fromEntries(origins) };
}
