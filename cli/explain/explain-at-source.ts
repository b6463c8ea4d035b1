import { type ExplainedImage, explainImage } from '../../generator/explain/explain-image.ts';
import { resolveRoot } from '../../generator/sources/directory/walk.ts';
import { parseSource } from '../../generator/sources/parse-source.ts';
import type { CheckReport } from '../../generator/store/report.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import type { DockerReference } from '../../generator/terms/image-name.ts';
import type { Settings } from '../base/options.ts';
import type { ProcessIo } from '../base/process-io.ts';
import { withChecked } from '../check/check-once.ts';
import { readPolicy, warnOfKeyFaults } from '../inputs/read-policy.ts';
import { explainIfServer } from '../status-listener/explain-if-server.ts';

/** What a source says of images, and in which state. */
export interface SourceAnswer extends Pick<CheckReport, 'source'> {
  readonly images: readonly ExplainedImage[];
}

/**
 * The policy. Says what is wrong with it, its keys or a directory, before anybody else is asked.
 * @throws UsageError
 */
export async function checkPlace(
  location: string,
  settings: Settings,
  { stderr }: ProcessIo,
): Promise<Policy> {
  const policy = await readPolicy(settings);
  warnOfKeyFaults(policy, stderr);
  const address = parseSource(location);
  if (address.kind === 'directory') await resolveRoot(address.path);
  return policy;
}

/** Checks a source, and says of the manifests with these digests what is in the way, in their order. */
export async function explainAtSource(
  location: string,
  image: DockerReference,
  hexes: readonly string[],
  settings: Settings,
  io: ProcessIo,
): Promise<SourceAnswer> {
  const answer = withChecked(location, settings, io, async ({ source, ...checked }) => {
    const rejectedOf = (digestHex: string) => checked.store.rejectedOf(digestHex);
    const evidence = { ...checked, rejectedOf, now: new Date() };
    const images: ExplainedImage[] = [];
    for (const digestHex of hexes) images.push(await explainImage(image, digestHex, evidence));
    return { source, images };
  });
  return answer.catch((cause: unknown) => explainIfServer(location, cause));
}
