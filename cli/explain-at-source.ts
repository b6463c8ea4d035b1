import type { DockerReference } from '../generator/docker-reference.ts';
import { type ExplainedImage, explainImage } from '../generator/explain/explain-image.ts';
import type { CheckReport } from '../generator/report.ts';
import { withChecked } from './check-once.ts';
import type { Settings } from './options.ts';
import type { World } from './world.ts';

/** What a source says of images, and in which state. */
export interface SourceAnswer extends Pick<CheckReport, 'source'> {
  readonly images: readonly ExplainedImage[];
}

/** Checks a source, and says of the manifests with these digests what is in the way, in their order. */
export async function explainAtSource(
  location: string,
  image: DockerReference,
  hexes: readonly string[],
  settings: Settings,
  world: World,
): Promise<SourceAnswer> {
  return withChecked(location, settings, world, async ({ source, ...checked }) => {
    const rejectedOf = (hex: string) => checked.store.rejectedOf(hex);
    const evidence = { ...checked, rejectedOf, now: new Date() };
    const images: ExplainedImage[] = [];
    for (const hex of hexes) images.push(await explainImage(image, hex, evidence));
    return { source, images };
  });
}
