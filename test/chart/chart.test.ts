// What the chart renders is what clusters take: typed, restricted, and of options that there are.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { OPTIONS, OPTION_NAMES, optionOf, variableOf } from '../../cli/base/options.ts';
import { type KubernetesObject, LEAST, OPENSHIFT, render } from '../kit/kubernetes/render.ts';
import { checkTypes, hasType } from './check-types.ts';
import { readPods } from './pod-security.ts';
import { pick, readContainer, readDeployment, readVersion } from './rendered.ts';
import { isRoute } from './route-schema.ts';
import { VALUE_SETS } from './value-sets.ts';

const MiB = 1024 ** 2;
const rendered = new Map<string, readonly KubernetesObject[]>();

function all(): readonly KubernetesObject[] {
  return [...rendered.values()].flat();
}

function of(name: string): readonly KubernetesObject[] {
  return rendered.get(name) ?? assert.fail(name);
}

/** Those with an object that has an addition to its specification. */
function alter(kind: string, addition: object): KubernetesObject {
  const object = structuredClone(pick(all(), kind));
  return { ...object, spec: { ...z.looseObject({}).parse(object['spec']), ...addition } };
}

/** Names, the git host, and what follows. */
function readEgress(objects: readonly KubernetesObject[]): readonly unknown[] {
  const schema = z.looseObject({ spec: z.looseObject({ egress: z.array(z.unknown()) }) });
  return schema.parse(pick(objects, 'NetworkPolicy')).spec.egress;
}

async function countOperated(apis: readonly string[], renderMode: string): Promise<number> {
  const objects = await render({ values: { ...LEAST, monitoring: { renderMode } }, apis });
  return objects.filter(({ apiVersion }) => apiVersion.startsWith('monitoring.')).length;
}

async function readChecksum(values: object): Promise<string | undefined> {
  const { template } = readDeployment(await render({ values: { ...LEAST, ...values } }));
  return template.metadata.annotations['checksum/config'];
}

describe('the chart', () => {
  before('render it', async () => {
    for (const [name, rendering] of Object.entries(VALUE_SETS)) {
      rendered.set(name, await render(rendering));
    }
  });

  it('has the version of the program', () => {
    const chart: unknown = parse(readFileSync('deploy/chart/Chart.yaml', 'utf8'));
    const versions = z.object({ version: z.string(), appVersion: z.string() }).parse(chart);
    assert.deepEqual(versions, { version: readVersion(), appVersion: readVersion() });
  });

  it('renders what the types of Kubernetes and its operators know, and nothing else', async () => {
    const typed = [...rendered].map(([name, objects]) => [name, objects.filter(hasType)]);
    const { misspelt, misnamed, ...others } = await checkTypes({
      ...Object.fromEntries(typed),
      misspelt: [alter('Deployment', { replicaz: 4 })],
      misnamed: [alter('ServiceMonitor', { endpoints: [{ intervall: '30s' }] })],
    });
    assert.match(misspelt ?? '', /replicaz.* does not exist/);
    assert.match(misnamed ?? '', /intervall.* does not exist/);
    assert.deepEqual(new Set(Object.values(others)), new Set(['']), JSON.stringify(others));
    const untyped = all().filter((object) => !hasType(object));
    assert.deepEqual(new Set(untyped.map(({ kind }) => kind)), new Set(['Route']));
  });

  it('renders Routes as OpenShift knows them', () => {
    const routes = all().filter(({ kind }) => kind === 'Route');
    assert.equal(routes.length, 3);
    for (const route of routes) assert.ok(isRoute(route), JSON.stringify(isRoute.errors));
    assert.ok(!isRoute(alter('Route', { tls: { termination: 'Edge' } })));
  });

  it('gives pods the profile restricted, no token, and no variables of Services', () => {
    for (const [name, objects] of rendered) assert.equal(readPods(objects).length, 1, name);
  });

  it('leaves user and groups to OpenShift, and only there', () => {
    for (const [name, objects] of rendered) {
      const { runAsUser, runAsGroup, fsGroup } = readContainer(objects).pod.securityContext;
      const id = name.startsWith('OpenShift') ? undefined : 1001;
      assert.deepEqual([runAsUser, runAsGroup, fsGroup], [id, id, id], name);
    }
  });

  it('says of each object what it is for, and gives each a name of its own', () => {
    for (const [set, objects] of rendered) {
      for (const { kind, metadata } of objects) {
        const { 'kubernetes.io/description': description = '' } = metadata.annotations ?? {};
        assert.match(description, /^[A-Z].+\.$/, `${set}: ${kind} ${metadata.name}`);
      }
      const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
      assert.equal(new Set(names).size, names.length, set);
    }
  });

  it('sets only options of serve, to values that they take', () => {
    const seen = new Set<string>();
    for (const objects of rendered.values()) {
      for (const [name, value] of readContainer(objects).environment) {
        if (!name.startsWith('LOOKASIDE_') || name === 'LOOKASIDE_CONFIG') continue;
        seen.add(name);
        const option = OPTION_NAMES.find((known) => variableOf(known) === name);
        if (option === undefined) assert.fail(`${name} is no option`);
        const { commands, schema } = optionOf(option);
        assert.ok(commands.includes('serve'), name);
        assert.ok(schema.safeParse(value).success, `${name}=${value}`);
      }
    }
    assert.ok(seen.size > 12, [...seen].join());
  });

  it('passes the webhook on, where there is one', () => {
    const peersOf = (set: string): string | undefined =>
      readContainer(of(set)).environment.get('LOOKASIDE_PEERS');
    assert.equal(peersOf('the least'), undefined);
    const name = peersOf('TLS and an ssh key') ?? assert.fail();
    const service = z.looseObject({
      metadata: z.looseObject({ name: z.literal(name) }),
      spec: z.looseObject({
        clusterIP: z.literal('None'),
        publishNotReadyAddresses: z.literal(true),
        ports: z.tuple([z.looseObject({ port: z.literal(8080) })]),
      }),
    });
    service.parse(pick(of('TLS and an ssh key'), 'Service', '-peers'));
  });

  it('takes the addresses of receivers from a Secret, and the way to them through the network', () => {
    const { container, environment } = readContainer(of('everything on'));
    const receivers = container.env.find(({ name }) => name === 'LOOKASIDE_NOTIFY_URL');
    assert.deepEqual(receivers?.['valueFrom'], {
      secretKeyRef: { name: 'receivers', key: 'urls' },
    });
    assert.ok(environment.has('LOOKASIDE_NOTIFY_SECRET_FILE'));
    assert.deepEqual(readEgress(of('everything on'))[2], { ports: [{ port: 443 }] });
    const plain = readContainer(of('TLS and an ssh key')).environment;
    assert.equal(plain.get('LOOKASIDE_NOTIFY_URL'), undefined);
    assert.deepEqual(readEgress(of('TLS and an ssh key'))[2], { ports: [{ port: 8443 }] });
  });

  it('leads to the webhook by a router of its own, or by that of the store', () => {
    const ingress = z.looseObject({
      metadata: z.looseObject({ annotations: z.looseObject({}) }),
      spec: z.looseObject({
        ingressClassName: z.string(),
        tls: z.tuple([z.strictObject({ secretName: z.string(), hosts: z.array(z.string()) })]),
      }),
    });
    const { metadata, spec } = ingress.parse(pick(of('everything on'), 'Ingress', '-webhook'));
    assert.equal(metadata.annotations['cert-manager.io/cluster-issuer'], 'public');
    assert.equal(spec.ingressClassName, 'public');
    assert.deepEqual(spec.tls, [{ secretName: 'hooks-tls', hosts: ['hooks.example.com'] }]);
    const store = ingress.parse(pick(of('everything on'), 'Ingress', 'lookaside'));
    assert.equal(store.metadata.annotations['cert-manager.io/cluster-issuer'], 'ca');
    assert.equal(store.spec.ingressClassName, 'nginx');
    assert.deepEqual(store.spec.tls[0].hosts, ['lookaside.example.com']);
    const [one, two] = ['lookaside', '-webhook'].map((ending) =>
      z
        .looseObject({ spec: z.looseObject({ parentRefs: z.unknown() }) })
        .parse(pick(of('a Gateway'), 'HTTPRoute', ending)),
    );
    assert.deepEqual(one?.spec.parentRefs, two?.spec.parentRefs);
  });

  it('names ports by their numbers where networks may know no names', () => {
    const rule = z.object({ ports: z.array(z.looseObject({ port: z.number() })) });
    const schema = z.looseObject({
      spec: z.looseObject({ ingress: z.array(rule), egress: z.array(rule) }),
    });
    for (const policy of all().filter(({ kind }) => kind === 'NetworkPolicy')) {
      const { spec } = schema.parse(policy);
      const ports = new Set(
        readContainer(of('the least')).container.ports.map(({ containerPort }) => containerPort),
      );
      for (const { port } of spec.ingress.flatMap((one) => one.ports)) assert.ok(ports.has(port));
    }
  });

  it('makes a job of each store, as alerts compare the servers of a job', () => {
    for (const [name, objects] of rendered) {
      const monitor = objects.find(({ kind }) => kind === 'ServiceMonitor');
      if (monitor === undefined) continue;
      const { spec } = z
        .looseObject({ spec: z.looseObject({ jobLabel: z.string() }) })
        .parse(monitor);
      const status = pick(objects, 'Service', '-status').metadata.labels ?? {};
      assert.equal(status[spec.jobLabel], VALUE_SETS[name]?.release ?? 'lookaside');
    }
  });

  it('mounts every file that an option names, and no part of a volume that kubelet replaces', () => {
    for (const objects of rendered.values()) {
      const { pod, container, environment } = readContainer(objects);
      const volumes = new Set(pod.volumes.map(({ name }) => name));
      for (const { name, subPath, mountPath } of container.volumeMounts) {
        assert.ok(volumes.has(name), name);
        assert.equal(subPath, mountPath.endsWith('.yaml') ? 'lookaside.yaml' : undefined);
      }
      for (const value of environment.values()) {
        if (!value.startsWith('/')) continue;
        const isMounted = container.volumeMounts.some(
          ({ mountPath }) => value === mountPath || value.startsWith(`${mountPath}/`),
        );
        assert.ok(isMounted, value);
      }
    }
  });

  it('has selectors that find the pods, and ports that they have', () => {
    const service = z.looseObject({
      spec: z.looseObject({
        selector: z.record(z.string(), z.string()),
        ports: z.array(z.looseObject({ targetPort: z.string() })),
      }),
    });
    for (const [set, objects] of rendered) {
      const { selector, template } = readDeployment(objects);
      const { labels } = template.metadata;
      assert.deepEqual(selector.matchLabels, labels, set);
      const ports = new Set(readContainer(objects).container.ports.map(({ name }) => name));
      for (const object of objects.filter(({ kind }) => kind === 'Service')) {
        const { spec } = service.parse(object);
        assert.deepEqual(spec.selector, labels, set);
        for (const { targetPort } of spec.ports) assert.ok(ports.has(targetPort), targetPort);
      }
    }
  });

  it('gives the first clone 15 minutes, and a pod that ends the time that it drains for', () => {
    const { container, environment } = readContainer(of('the least'));
    const { periodSeconds, failureThreshold } = container.startupProbe;
    assert.equal(periodSeconds * failureThreshold, 15 * 60);
    const { spec } = readDeployment(of('the least')).template;
    assert.equal(spec.terminationGracePeriodSeconds, 30);
    assert.equal(environment.get('LOOKASIDE_DRAIN'), '10s');
  });

  for (const [set, replicas, maxUnavailable] of [
    ['the least', 4, 1],
    ['another release, one replica, nothing around it', 1, 0],
  ] as const) {
    it(`takes away ${maxUnavailable} of ${replicas} while pods are replaced`, () => {
      const spec = readDeployment(of(set));
      assert.equal(spec.replicas, replicas);
      const rollingUpdate = { maxUnavailable, maxSurge: 1 };
      assert.deepEqual(spec.strategy, { type: 'RollingUpdate', rollingUpdate });
    });
  }

  for (const [signatures, request, limit] of [
    [0, 256, 382],
    [10_000, 256, 411],
    [100_000, 382, 668],
    [1_000_000, 2099, 3243],
  ] as const) {
    it(`reckons memory for ${signatures} signatures as docs/operations.md does`, async () => {
      assert.equal(Math.max(256, Math.ceil((200e6 + 2000 * signatures) / MiB)), request);
      assert.equal(Math.ceil((400e6 + 3000 * signatures) / MiB), limit);
      const [pod] = readPods(await render({ values: { ...LEAST, signatures } }));
      const { requests, limits } = pod?.containers[0]?.resources ?? assert.fail();
      assert.deepEqual([requests.memory, limits.memory], [`${request}Mi`, `${limit}Mi`]);
    });
  }

  it('lets no push fill the volume', () => {
    const volume = z.looseObject({
      emptyDir: z.strictObject({ sizeLimit: z.string().regex(/^\d+Gi$/) }),
    });
    for (const set of ['the least', 'everything on']) {
      const { pod, environment } = readContainer(of(set));
      const [disk = 0, transfer = 0] = (['max-disk', 'max-transfer'] as const).map(
        (name) => OPTIONS[name].schema.parse(environment.get(variableOf(name))) / MiB,
      );
      const { emptyDir } = volume.parse(pod.volumes.find(({ name }) => name === 'state'));
      // docs/clone.md, Budgets: what is enough in every case; and an eighth for the checkpoint.
      assert.equal(2 * disk + 2 * transfer, Number.parseInt(emptyDir.sizeLimit) * 1024 * (7 / 8));
    }
  });

  it('rolls out a changed configuration file, and no changed key', async () => {
    const plain = await readChecksum({});
    assert.match(plain ?? '', /^[0-9a-f]{64}$/);
    assert.notEqual(await readChecksum({ config: { poll: '5m' } }), plain);
    const key = '-----BEGIN PGP PUBLIC KEY BLOCK-----';
    assert.equal(await readChecksum({ keys: { inline: { 'a.asc': key } } }), plain);
  });

  it('opens the network to the port of the git host', async () => {
    const cases = {
      'https://git.example.com/a.git': 443,
      'https://git.example.com:8443/a.git': 8443,
      'http://git.example.com/a.git': 80,
      'ssh://git@git.example.com/a.git': 22,
      'ssh://git@git.example.com:2222/a:1.git': 2222,
      'git://git.example.com/a.git': 9418,
      'git@git.example.com:team/a.git': 22,
    };
    for (const [source, port] of Object.entries(cases)) {
      const objects = await render({ values: { ...LEAST, source } });
      assert.deepEqual(readEgress(objects)[1], { ports: [{ port }] }, source);
    }
  });

  it('makes objects of the Prometheus operator where the cluster has it', async () => {
    assert.equal(await countOperated([], 'skipIfMissing'), 0);
    assert.equal(await countOperated([], 'alwaysRender'), 2);
    assert.equal(await countOperated(OPENSHIFT, 'failIfMissing'), 2);
    await assert.rejects(countOperated([], 'failIfMissing'), /install the Prometheus operator/);
  });

  it('has the alerts and the dashboard of deploy/monitoring', () => {
    const objects = of('OpenShift with a Route');
    const alerts: unknown = parse(readFileSync('deploy/monitoring/lookaside-alerts.yaml', 'utf8'));
    assert.deepEqual(pick(objects, 'PrometheusRule')['spec'], alerts);
    const { data } = z
      .looseObject({ data: z.object({ 'lookaside.json': z.string() }) })
      .parse(pick(objects, 'ConfigMap', '-dashboard'));
    const dashboard = readFileSync('deploy/monitoring/lookaside-dashboard.json', 'utf8');
    assert.deepEqual(JSON.parse(data['lookaside.json']), JSON.parse(dashboard));
  });
});

/** What the profile restricted, or we, do not allow, as a change of the pod or of its container. */
const UNRESTRICTED: readonly (readonly [what: string, pod: object, container: object])[] = [
  ["the host's network", { hostNetwork: true }, {}],
  ["the host's processes", { hostPID: true }, {}],
  ["a directory of the host's", { volumes: [{ name: 'host', hostPath: { path: '/' } }] }, {}],
  ['root', { securityContext: { runAsNonRoot: true, runAsUser: 0 } }, {}],
  ['no seccomp profile', { securityContext: { runAsNonRoot: true } }, {}],
  ['a token', { automountServiceAccountToken: true }, {}],
  ['variables of Services', { enableServiceLinks: undefined }, {}],
  ["a port of the host's", {}, { ports: [{ containerPort: 8080, hostPort: 8080 }] }],
  ['a limit of processor time', {}, { resources: { limits: { cpu: '1', memory: '1Gi' } } }],
  ['nothing dropped', {}, { securityContext: { allowPrivilegeEscalation: false } }],
  ['a second, unbounded container', { initContainers: [{ name: 'a', image: 'b' }] }, {}],
];

describe('the profile restricted', () => {
  for (const [what, ofPod, ofContainer] of UNRESTRICTED) {
    it(`has no room for ${what}`, () => {
      const [pod = assert.fail()] = readPods(of('the least'));
      const containers = [{ ...pod.containers[0], ...ofContainer }];
      const altered = { template: { spec: { ...pod, containers, ...ofPod } } };
      const object = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'a' } };
      assert.throws(() => readPods([{ ...object, spec: altered }]), z.ZodError);
    });
  }
});
