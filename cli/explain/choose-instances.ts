// Which manifests of a list nodes choose (containers/image manifest, ChooseInstance, and
// internal/pkg/platform, WantedPlatforms).
import { ANY_OTHER, type Instance } from './manifest.ts';

/** What else runs on the variants of an architecture, the newest first. */
const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  arm: ['v8', 'v7', 'v6', 'v5'],
  arm64: ['v8'],
};

/**
 * What nodes of a platform (`os/architecture[/variant]`) get; without a variant, those of every
 * variant. Empty where they get nothing.
 */
export function chooseInstances(
  instances: readonly Instance[],
  wanted: string,
): readonly Instance[] {
  const [os = '', architecture = '', variant] = wanted.split('/');
  const base = `${os}/${architecture}`;
  if (variant === undefined) {
    const all = instances.filter(({ platform }) => `${platform}/`.startsWith(`${base}/`));
    if (all.length > 0) return all;
  } else {
    const order = VARIANTS[architecture] ?? [];
    const older = order.slice(order.indexOf(variant)).map((one) => `${base}/${one}`);
    const names = order.includes(variant) ? older : [wanted];
    for (const name of [...names, base]) {
      const found = instances.filter(({ platform }) => platform === name);
      if (found.length > 0) return found;
    }
  }
  return instances.filter(({ platform }) => platform === ANY_OTHER);
}
