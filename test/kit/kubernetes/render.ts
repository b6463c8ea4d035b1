/** What the chart renders, as text and as objects. */
import { stringify, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { helm } from './kubernetes-tools.ts';

export const CHART = 'deploy/chart';
/** Which Helm and clusters read: `on` is no text. */
export const YAML = { version: '1.1' } as const;

/** A Kubernetes object, as far as all are alike. */
const objectSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string(),
    labels: z.record(z.string(), z.string()).optional(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
});
export type KubernetesObject = z.infer<typeof objectSchema>;

export interface Rendering {
  readonly values?: object;
  /** What the cluster has beside its own kinds, as `route.openshift.io/v1`. */
  readonly apis?: readonly string[];
  readonly release?: string;
}

/** What OpenShift has. */
export const OPENSHIFT: readonly string[] = [
  'security.openshift.io/v1',
  'route.openshift.io/v1',
  'monitoring.coreos.com/v1',
];

/** The least that an installation must say. */
export const LEAST = {
  source: 'https://git.example.com/team/signatures.git',
  keys: { configMaps: ['lookaside-keys'] },
} as const;

/** The text that `helm template` prints. Throws with what Helm says if it refuses the values. */
export async function renderText({ values = LEAST, apis = [], release = 'lookaside' }: Rendering) {
  const flags = apis.flatMap((api) => ['--api-versions', api]);
  const input = stringify(values, YAML);
  const args = ['template', release, CHART, '--values', '-', ...flags];
  const { code, stdout, stderr } = await helm(args, { input });
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

/** The same as objects. */
export async function render(rendering: Rendering): Promise<readonly KubernetesObject[]> {
  return parseObjects(await renderText(rendering));
}

/** The objects in a text of YAML documents. Throws where one is none. */
export function parseObjects(text: string): readonly KubernetesObject[] {
  return parseAllDocuments(text, { ...YAML, strict: true, uniqueKeys: true })
    .map((document): unknown => {
      if (document.errors[0]) throw document.errors[0];
      return document.toJS();
    })
    .filter((content) => content !== null)
    .map((content) => objectSchema.parse(content));
}
