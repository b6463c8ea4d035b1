// Keys and forecasts for programs: stable, and the same on the command line and from a server.
import { formatTime } from '../terms/text.ts';
import type { Supposition } from './accepted-signers.ts';
import { type Forecast, type LostImage, NO_COVERAGE } from './forecast.ts';
import type { KeyReport } from './key-report.ts';

/** An image as `sign` takes it: by its digest, whatever its tag leads to by now. */
export function formatToSign({ name, tag, digestHex }: LostImage): string {
  return `${name}${tag === undefined ? '' : `:${tag}`}@sha256:${digestHex}`;
}

/** In the order of their names. */
export function sortLost(images: readonly LostImage[]): readonly LostImage[] {
  return images
    .map((image) => ({ image, line: formatToSign(image) }))
    .toSorted((one, other) => (one.line < other.line ? -1 : 1))
    .map(({ image }) => image);
}

/** What is known of keys, and what they cover. */
export function toKeysObject(
  keys: readonly KeyReport[],
  { keys: coverage, images, signatures }: Forecast,
): { readonly keys: readonly object[]; readonly summary: object } {
  return {
    keys: keys.map((key) => {
      const parts = key.parts.map((part) => ({ ...part, algorithm: part.algorithm.label }));
      return Object.assign({}, key, { parts }, coverage.get(key.fingerprint) ?? NO_COVERAGE);
    }),
    summary: { images, signatures },
  };
}

/** What would be lost; `lost` are the images to name. */
export function toForecastObject(
  { at, without }: Supposition,
  { lostImages, lostSignatures, revived }: Forecast,
  lost: readonly LostImage[],
): object {
  return {
    at: formatTime(at.getTime()),
    without: [...without],
    lostImages,
    lostSignatures,
    revived,
    images: lost.map(({ name, tag = null, digestHex, signers }) => ({
      image: name,
      tag,
      digest: `sha256:${digestHex}`,
      signers,
    })),
  };
}
