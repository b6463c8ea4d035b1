// Asks the store that a scope names in place of ours, as nodes do.
import {
  type ScopeElsewhere,
  explainFromOtherStore,
} from '../../generator/explain/explain-other-store.ts';
import type { ExplainedImage } from '../../generator/explain/explain-image.ts';
import { PolicyJudge } from '../../generator/gate/judge.ts';
import {
  type Policy,
  createPolicy,
  findScope,
  seeFromItsStore,
} from '../../generator/policy/policy.ts';
import { readSignatures } from '../../generator/probe/read-signatures.ts';
import { parseStoreAddress } from '../../generator/probe/store-address.ts';
import type { DockerReference } from '../../generator/terms/image-name.ts';
import { formatDirectory } from '../../generator/terms/location.ts';
import { toBudgets } from '../base/budget-options.ts';
import type { Settings } from '../base/options.ts';
import type { ProcessIo } from '../base/process-io.ts';
import { openEngines } from '../inputs/open-engines.ts';
import { withTemporaryState } from '../inputs/open-source.ts';
import { STORE_PATIENCE, findAddresses, readSystemTrust } from '../probe/system-network.ts';

/** What another store says of images. */
export interface OtherStoreAnswer {
  readonly store: string;
  readonly images: readonly ExplainedImage[];
}

/** The scope of an image, where its signatures are in another store. */
export function findScopeElsewhere(
  policy: Policy,
  image: DockerReference,
): ScopeElsewhere | undefined {
  const scope = findScope(policy, image);
  return scope?.store === undefined ? undefined : { ...scope, store: scope.store };
}

/** What the store of the scope has of the manifests with these digests, in their order. */
export async function explainAtOtherStore(
  scope: ScopeElsewhere,
  image: DockerReference,
  hexes: readonly string[],
  settings: Settings,
  { environment, signals }: ProcessIo,
): Promise<OtherStoreAnswer> {
  const trusted = await readSystemTrust(environment);
  const policy = await createPolicy([seeFromItsStore(scope)]);
  const images = await withTemporaryState(signals, async (directory, ending) => {
    const budgets = toBudgets(settings);
    const { openMessage, close } = await openEngines(environment, directory, budgets);
    const expiryWarning = settings['expiry-warning'];
    const judge = new PolicyJudge({ policy, openMessage, expiryWarning, paths: budgets });
    const now = new Date();
    const asking = { lookup: findAddresses, trusted, now, patience: STORE_PATIENCE, ending };
    const store = parseStoreAddress(scope.store);
    try {
      const found: ExplainedImage[] = [];
      for (const digestHex of hexes) {
        const place = formatDirectory(image.repository, digestHex);
        const asked = await readSignatures(store, place, asking);
        const options = { scope, policy, judge, now };
        found.push(await explainFromOtherStore(image, digestHex, asked, options));
      }
      return found;
    } finally {
      await close();
    }
  });
  return { store: scope.store, images };
}
