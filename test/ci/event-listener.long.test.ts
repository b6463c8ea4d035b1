// The EventListener in deploy/ci/tekton/refresh: it is what Tekton takes, and its script asks a real server.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { eventually } from '../kit/eventually.ts';
import { freePort } from '../kit/process/free-port.ts';
import { run } from '../kit/process/run.ts';
import { createMemorySource } from '../kit/server/memory-source.ts';
import { startExample } from '../kit/server/example-server.ts';

const text = z.string().min(1);
const NAME = z.literal('lookaside-refresh');
const metadata = z.strictObject({ name: NAME });
const subject = z.strictObject({ kind: z.literal('ServiceAccount'), name: NAME });
const bindingOf = (role: string, subjects: z.ZodType) =>
  z.strictObject({
    apiVersion: z.literal('rbac.authorization.k8s.io/v1'),
    kind: text,
    metadata,
    roleRef: z.strictObject({
      apiGroup: z.literal('rbac.authorization.k8s.io'),
      kind: z.literal('ClusterRole'),
      name: z.literal(role),
    }),
    subjects: z.tuple([subjects]),
  });

/** https://tekton.dev/docs/triggers/interceptors/ */
const secretRef = z.strictObject({
  name: z.literal('secretRef'),
  value: z.strictObject({ secretName: text, secretKey: text }),
});
const eventTypes = z.strictObject({ name: z.literal('eventTypes'), value: z.array(text).min(1) });
/** https://tekton.dev/docs/triggers/eventlisteners/ */
const eventListener = z.strictObject({
  apiVersion: z.literal('triggers.tekton.dev/v1beta1'),
  kind: z.literal('EventListener'),
  metadata,
  spec: z.strictObject({
    serviceAccountName: NAME,
    triggers: z.array(
      z.strictObject({
        name: text,
        interceptors: z.tuple([
          z.strictObject({
            ref: z.strictObject({ name: z.enum(['github', 'gitlab', 'bitbucket']) }),
            params: z.tuple([secretRef, eventTypes]),
          }),
        ]),
        template: z.strictObject({ ref: NAME }),
      }),
    ),
  }),
});

const step = z.strictObject({
  name: text,
  image: text,
  env: z.tuple([z.strictObject({ name: z.literal('STATUS_URL'), value: z.url() })]),
  securityContext: z.strictObject({
    allowPrivilegeEscalation: z.literal(false),
    runAsNonRoot: z.literal(true),
    capabilities: z.strictObject({ drop: z.tuple([z.literal('ALL')]) }),
    seccompProfile: z.strictObject({ type: z.literal('RuntimeDefault') }),
  }),
  script: z.string().startsWith('#!/usr/bin/env node\n'),
});
/** https://tekton.dev/docs/triggers/triggertemplates/ */
const triggerTemplate = z.strictObject({
  apiVersion: z.literal('triggers.tekton.dev/v1beta1'),
  kind: z.literal('TriggerTemplate'),
  metadata,
  spec: z.strictObject({
    resourcetemplates: z.tuple([
      z.strictObject({
        apiVersion: z.literal('tekton.dev/v1'),
        kind: z.literal('TaskRun'),
        metadata: z.strictObject({ generateName: text }),
        spec: z.strictObject({ taskSpec: z.strictObject({ steps: z.tuple([step]) }) }),
      }),
    ]),
  }),
});

const FILE = 'deploy/ci/tekton/refresh/event-listener.yaml';
const documents = z
  .tuple([
    z.strictObject({ apiVersion: z.literal('v1'), kind: z.literal('ServiceAccount'), metadata }),
    bindingOf('tekton-triggers-eventlistener-roles', subject),
    bindingOf('tekton-triggers-eventlistener-clusterroles', subject.extend({ namespace: text })),
    eventListener,
    triggerTemplate,
  ])
  .parse(parseAllDocuments(readFileSync(FILE, 'utf8')).map((one): unknown => one.toJS()));

describe('the EventListener of Tekton', () => {
  const [, , , { spec }, template] = documents;
  const [taskRun] = template.spec.resourcetemplates;
  const [{ script }] = taskRun.spec.taskSpec.steps;
  const refresh = async (url: string) =>
    run(process.execPath, ['-'], { input: script, env: { ...process.env, STATUS_URL: url } });

  it('takes pushes of each git host that Tekton has an interceptor for', () => {
    const taken = spec.triggers.map(({ name, interceptors: [{ ref, params }] }) => {
      assert.equal(name, ref.name);
      return [name, params[1].value];
    });
    assert.deepEqual(taken, [
      ['github', ['push']],
      ['gitlab', ['Push Hook']],
      ['bitbucket', ['repo:push', 'repo:refs_changed']],
    ]);
  });

  it('asks all replicas that the manifests make, by the name of a headless Service', () => {
    const [{ value: url }] = taskRun.spec.taskSpec.steps[0].env;
    const service = z
      .object({
        metadata: z.object({ name: z.literal(new URL(url).hostname) }),
        spec: z.object({ clusterIP: z.literal('None') }),
      })
      .safeParse(parse(readFileSync('deploy/kubernetes/service-peers.yaml', 'utf8')));
    assert.ok(service.success, service.error?.message);
  });

  it('asks a server for a refresh, and tells whether it was asked', async () => {
    // Nobody but us makes it refresh.
    const source = createMemorySource({ commit: 'a'.repeat(40), files: {} });
    const server = await startExample({ source });
    const readReason = async (): Promise<unknown> => {
      const answer = await fetch(`${server.statusUrl}/status.json`);
      const schema = z.object({ lastRefresh: z.object({ reason: z.string() }).nullable() });
      return schema.parse(await answer.json()).lastRefresh?.reason;
    };
    try {
      await eventually(async () => assert.equal(await readReason(), 'start'));
      const asked = await refresh(server.statusUrl);
      assert.deepEqual(
        [asked.code, asked.stdout],
        [0, '127.0.0.1: refresh queued\n'],
        asked.stderr,
      );
      await eventually(async () => assert.equal(await readReason(), 'request'));
      const wrong = await refresh(server.url);
      assert.equal(wrong.code, 1);
      assert.match(wrong.stderr, /^127\.0\.0\.1: it answered 404/);
    } finally {
      await server.stop();
    }
    const none = await refresh(`http://127.0.0.1:${await freePort()}`);
    assert.equal(none.code, 1);
    assert.match(none.stderr, /^127\.0\.0\.1: .*ECONNREFUSED/);
    const unknown = await refresh('http://lookaside.invalid:8081');
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /^lookaside\.invalid: getaddrinfo/);
  });
});
