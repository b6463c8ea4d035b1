// How the machine-config operator merges, as a model that shares nothing with the program: whole Ignition
// configs are merged two by two, and every member that the later one has replaces that of the earlier one.

export interface IgnitionFile {
  readonly path: string;
  readonly mode?: number | undefined;
  readonly overwrite?: boolean;
  readonly contents?:
    { readonly source?: string | undefined; readonly compression?: string | undefined } | undefined;
}

export interface IgnitionConfig {
  readonly ignition: { readonly version: string };
  readonly storage?: {
    readonly files?: readonly IgnitionFile[];
    readonly links?: readonly { readonly path: string; readonly target: string }[];
  };
}

/** A MachineConfig as it is applied. */
export interface MachineConfigObject {
  readonly apiVersion: string;
  readonly kind: string;
  metadata: { name: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  spec: { config?: IgnitionConfig };
}

const ROLE = 'machineconfiguration.openshift.io/role';

/** Merges MachineConfigs into the config that is rendered for a pool. */
export function mergeAsOperator(
  configs: readonly MachineConfigObject[],
  byNameAlone = false,
): IgnitionConfig {
  const byName = configs.toSorted((a, b) => Buffer.compare(nameOf(a), nameOf(b)));
  const isWorker = ({ metadata }: MachineConfigObject): boolean =>
    byNameAlone || metadata.labels?.[ROLE] === 'worker';
  const ordered = [
    ...byName.filter((config) => isWorker(config)),
    ...byName.filter((config) => !isWorker(config)),
  ];
  let files: readonly IgnitionFile[] = [];
  let links: readonly { readonly path: string; readonly target: string }[] = [];
  for (const { spec } of ordered) {
    const added = spec.config?.storage?.files ?? [];
    const addedLinks = spec.config?.storage?.links ?? [];
    files = mergeFiles(files, added).filter(
      ({ path }) => !addedLinks.some((link) => link.path === path),
    );
    links = [
      ...links.filter(({ path }) => ![...added, ...addedLinks].some((one) => one.path === path)),
      ...addedLinks,
    ];
  }
  return { ignition: { version: '3.5.0' }, storage: { files, links } };
}

function nameOf({ metadata }: MachineConfigObject): Buffer {
  return Buffer.from(metadata.name);
}

function mergeFiles(
  parents: readonly IgnitionFile[],
  children: readonly IgnitionFile[],
): readonly IgnitionFile[] {
  const merged = parents.map((parent) => {
    const child = children.find(({ path }) => path === parent.path);
    if (!child) return parent;
    const mode = child.mode ?? parent.mode;
    const source = child.contents?.source ?? parent.contents?.source;
    return {
      path: parent.path,
      ...(mode !== undefined && { mode }),
      contents: {
        ...(source !== undefined && { source }),
        // Set to '' in each config but the first, and so never taken over.
        ...(child.contents?.compression !== undefined && {
          compression: child.contents.compression,
        }),
      },
    };
  });
  const fresh = children.filter(({ path }) => !parents.some((parent) => parent.path === path));
  return [...merged, ...fresh];
}
