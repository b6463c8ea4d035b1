import {
  type DescribedReference,
  describeResolved,
} from '../../generator/resolve/describe-resolved.ts';
import { Arrivals } from '../../generator/resolve/arrivals.ts';
import { type FetchManifest, resolveLearning } from '../../generator/resolve/learn-wanted.ts';
import { ManifestMemory } from '../../generator/resolve/manifest-memory.ts';
import type { ResolvedReference } from '../../generator/resolve/resolved-reference.ts';
import type { DockerReference } from '../../generator/terms/image-name.ts';
import type { Settings } from '../base/options.ts';
import type { ProcessIo } from '../base/process-io.ts';
import { UsageError } from '../base/usage-error.ts';
import { type OpenChecked, withChecked } from '../check/check-once.ts';
import { untilStopped } from '../inputs/open-source.ts';
import {
  fetchNothing,
  fetchThroughSkopeo,
  parseManifestsFrom,
  readFromDirectory,
} from '../registry/fetch-manifest.ts';
import { explainIfServer } from '../status-listener/explain-if-server.ts';
import type { ResolveAnswer } from './resolve-answer.ts';

/**
 * Checks a source, and says of images which digest they are by its signatures, in their order.
 * @throws UsageError where a registry that had to be asked does not answer
 */
export async function resolveAtSource(
  location: string,
  images: readonly DockerReference[],
  settings: Settings,
  io: ProcessIo,
): Promise<ResolveAnswer> {
  const from = parseManifestsFrom(settings.manifests, 'ask');
  const manifests = new ManifestMemory();
  if (from.kind === 'directory') await readFromDirectory(from.path, manifests);
  const answer = withChecked(location, settings, io, async (checked) =>
    untilStopped(io.signals, async (ending) => {
      const { authfile } = settings;
      const fetchManifest =
        from.kind === 'ask'
          ? fetchThroughSkopeo({ authfile, environment: io.environment, ending })
          : fetchNothing;
      for (const _ of checked.store.indexTags());
      const resolver = new SourceResolver(checked, manifests, fetchManifest);
      const described: DescribedReference[] = [];
      for (const image of images) described.push(await resolver.resolve(image));
      return { source: checked.source, images: described };
    }),
  );
  return answer.catch((cause: unknown) => explainIfServer(location, cause));
}

/** Resolves images by one state of a source. */
class SourceResolver {
  readonly #checked: OpenChecked;
  readonly #manifests: ManifestMemory;
  readonly #arrivals = new Arrivals();
  readonly #fetch: FetchManifest;
  readonly #now = new Date();
  /** Why a manifest could not be fetched. */
  #failure: unknown;

  constructor(checked: OpenChecked, manifests: ManifestMemory, fetch: FetchManifest) {
    this.#checked = checked;
    this.#manifests = manifests;
    this.#fetch = fetch;
  }

  async resolve(image: DockerReference): Promise<DescribedReference> {
    const { store, policy, lastChange } = this.#checked;
    const { tags } = store;
    if (!tags) throw new Error('the tags of the store are indexed');
    this.#failure = undefined;
    const resolved = await resolveLearning(image, {
      store,
      tags,
      policy,
      manifests: this.#manifests,
      arrivalOf: (directory) => this.#arrivals.arrivalOf(store, directory),
      now: this.#now,
      fetchManifest: async (wanted) => this.#fetchIfCan(wanted),
      learnCommits: async (directories) => this.#arrivals.learn(store, directories, lastChange),
    });
    this.#assertAsked(resolved);
    return describeResolved(resolved, {
      store,
      policy,
      rejectedOf: (digestHex) => store.rejectedOf(digestHex),
      lastChange,
      now: this.#now,
      commitOf: (directory) => this.#arrivals.commitOf(store, directory),
    });
  }

  async #fetchIfCan(image: DockerReference): ReturnType<FetchManifest> {
    return this.#fetch(image).catch((error: unknown) => {
      if (!(error instanceof UsageError)) throw error;
      this.#failure = error;
      return undefined;
    });
  }

  /** What only the registry could have decided is no fault of the signatures. */
  #assertAsked({ reason }: ResolvedReference): void {
    if (reason?.code === 'manifests-not-known' && this.#failure) throw this.#failure;
  }
}
