// The pieces of deploy/ci/, read by types of what each of the three systems takes.
import { readFileSync } from 'node:fs';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';

/** One piece: a script, and what it is given. */
export interface Piece {
  readonly path: string;
  readonly script: string;
  /** Its variables, as the file has them. */
  readonly env: Readonly<Record<string, string>>;
  /** What whoever uses it may give, and what it is otherwise; null where it must be given. */
  readonly inputs: Readonly<Record<string, string | null>>;
}

const text = z.string().min(1);

/** https://docs.github.com/actions/reference/workflows-and-actions/metadata-syntax, composite. */
const action = z.strictObject({
  name: text,
  description: text,
  inputs: z.record(
    z.string(),
    z.strictObject({
      description: text,
      required: z.boolean().optional(),
      default: z.string().optional(),
    }),
  ),
  runs: z.strictObject({
    using: z.literal('composite'),
    steps: z.tuple([
      z.strictObject({
        name: text,
        shell: z.literal('sh'),
        env: z.record(z.string(), z.string()),
        run: text,
      }),
    ]),
  }),
});

/** https://docs.gitlab.com/ci/yaml/#specinputs */
const component = z.strictObject({
  spec: z.strictObject({
    inputs: z.record(
      z.string(),
      z.strictObject({
        description: text.optional(),
        type: z.enum(['string', 'number', 'boolean', 'array']).optional(),
        default: z.union([z.string(), z.boolean()]).optional(),
      }),
    ),
  }),
});
/** https://docs.gitlab.com/ci/yaml/#job-keywords */
export const gitlabJob = z.strictObject({
  stage: text,
  image: z.strictObject({ name: text, entrypoint: z.tuple([z.literal('')]) }),
  rules: z.array(z.strictObject({ if: text })),
  variables: z.record(z.string().regex(/^[A-Z_]+$/), z.string()),
  before_script: z.array(text).optional(),
  script: z.array(text).nonempty(),
  after_script: z.array(text).optional(),
  artifacts: z
    .strictObject({
      when: z.enum(['always', 'on_failure', 'on_success']),
      reports: z.strictObject({ junit: text }),
    })
    .optional(),
});

const secretKeyRef = z.strictObject({ name: text, key: text, optional: z.literal(true) });
/** https://tekton.dev/docs/pipelines/tasks/, and tekton.dev/docs/contribute/catalog for the metadata. */
const task = z.strictObject({
  apiVersion: z.literal('tekton.dev/v1'),
  kind: z.literal('Task'),
  metadata: z.strictObject({
    name: text,
    labels: z.strictObject({ 'app.kubernetes.io/version': z.string().regex(/^[0-9]+\.[0-9]+$/) }),
    annotations: z.strictObject({
      'tekton.dev/pipelines.minVersion': text,
      'tekton.dev/categories': text,
      'tekton.dev/tags': text,
      'tekton.dev/displayName': text,
      'tekton.dev/platforms': text,
    }),
  }),
  spec: z.strictObject({
    description: z.string().regex(/^[^\n]+\n[^\n]/, 'expected a summary, then more'),
    params: z.array(
      z.strictObject({ name: text, description: text, default: z.string().optional() }),
    ),
    workspaces: z.array(
      z.strictObject({ name: text, description: text, optional: z.boolean().optional() }),
    ),
    steps: z.tuple([
      z.strictObject({
        name: text,
        image: z.literal('$(params.image)'),
        workingDir: z.literal('$(workspaces.source.path)'),
        env: z.array(
          z.union([
            z.strictObject({ name: text, value: z.string() }),
            z.strictObject({ name: text, valueFrom: z.strictObject({ secretKeyRef }) }),
          ]),
        ),
        securityContext: z.strictObject({
          allowPrivilegeEscalation: z.literal(false),
          runAsNonRoot: z.literal(true),
          capabilities: z.strictObject({ drop: z.tuple([z.literal('ALL')]) }),
          seccompProfile: z.strictObject({ type: z.literal('RuntimeDefault') }),
        }),
        script: z.string().startsWith('#!/bin/sh\n'),
      }),
    ]),
  }),
});

/** The first script of a task's own test in the catalog, which makes what the task works on. */
export function readPreparation(path: string): string {
  const step = z.object({ script: z.string() });
  const made = z.object({ taskSpec: z.object({ steps: z.tuple([step]) }) });
  const pipelineRun = z.object({
    apiVersion: z.literal('tekton.dev/v1'),
    kind: z.literal('PipelineRun'),
    spec: z.object({ pipelineSpec: z.object({ tasks: z.tuple([made]).rest(z.unknown()) }) }),
  });
  const { spec } = pipelineRun.parse(parse(readFileSync(path, 'utf8')));
  return spec.pipelineSpec.tasks[0].taskSpec.steps[0].script;
}

/** What a task's own test gives the task. */
export function readGiven(path: string): Readonly<Record<string, string>> {
  const param = z.object({ name: z.string(), value: z.string() });
  const used = z.object({ params: z.array(param).optional() });
  const run = z.object({ spec: z.object({ pipelineSpec: z.object({ tasks: z.array(used) }) }) });
  const { spec } = run.parse(parse(readFileSync(path, 'utf8')));
  const params = spec.pipelineSpec.tasks.flatMap((one) => one.params ?? []);
  return Object.fromEntries(params.map(({ name, value }) => [name, value]));
}

export function readAction(path: string): Piece {
  const { inputs, runs } = action.parse(parse(readFileSync(path, 'utf8')));
  const [{ env, run }] = runs.steps;
  return { path, script: run, env, inputs: toDefaults(Object.entries(inputs)) };
}

export function readComponent(path: string): Piece {
  const documents = parseAllDocuments(readFileSync(path, 'utf8'));
  const [head, body] = documents.map((document): unknown => document.toJS());
  const { spec } = component.parse(head);
  const [job, ...others] = Object.values(z.record(z.string(), gitlabJob).parse(body));
  if (!job || others.length > 0) throw new Error(`${path}: expected one job`);
  const inputs = toDefaults(Object.entries(spec.inputs));
  return { path, script: job.script.join('\n'), env: job.variables, inputs };
}

export function readTask(path: string): Piece {
  const { spec } = task.parse(parse(readFileSync(path, 'utf8')));
  const [{ env, script }] = spec.steps;
  const values = env.map((one): [string, string] =>
    'value' in one
      ? [one.name, one.value]
      : [one.name, `$(secret.${one.valueFrom.secretKeyRef.key})`],
  );
  const inputs = toDefaults(spec.params.map(({ name, ...rest }) => [name, rest]));
  return { path, script, env: Object.fromEntries(values), inputs };
}

function toDefaults(
  entries: readonly (readonly [string, { readonly default?: string | boolean | undefined }])[],
): Piece['inputs'] {
  return Object.fromEntries(
    entries.map(([name, { default: value }]) => [name, value === undefined ? null : String(value)]),
  );
}
