// A real API server takes what the chart renders: all kinds that Kubernetes 1.20 knows already.
import assert from 'node:assert/strict';
import { stringify } from 'yaml';
import { API_SERVER, ApiServer } from '../kit/kubernetes/api-server.ts';
import { type KubernetesObject, YAML, render } from '../kit/kubernetes/render.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWithBuilt } from '../with-tools.ts';
import { pick } from './rendered.ts';
import { VALUE_SETS } from './value-sets.ts';

/** What is newer, or not Kubernetes' own. */
const UNKNOWN = new Set([
  'policy/v1 PodDisruptionBudget',
  'route.openshift.io/v1 Route',
  'gateway.networking.k8s.io/v1 HTTPRoute',
  'monitoring.coreos.com/v1 ServiceMonitor',
  'monitoring.coreos.com/v1 PrometheusRule',
]);

const nameKind = ({ apiVersion, kind }: KubernetesObject): string => `${apiVersion} ${kind}`;

describeWithBuilt(API_SERVER, 'kubernetes', 'a real API server', () => {
  const directory = useTemporary('suite');
  let server: ApiServer;
  before(async () => {
    server = await ApiServer.start(directory());
  });
  after(async () => server?.stop());

  const apply = async (objects: readonly KubernetesObject[]) =>
    server.kubectl(
      ['apply', '--dry-run=server', '--output=name', '--filename=-'],
      objects.map((object) => stringify(object, YAML)).join('---\n'),
    );

  for (const [name, rendering] of Object.entries(VALUE_SETS)) {
    it(`takes what is rendered for: ${name}`, async () => {
      const objects = await render(rendering);
      const known = objects.filter((object) => !UNKNOWN.has(nameKind(object)));
      assert.ok(known.length >= 5);
      const { code, stdout, stderr } = await apply(known);
      assert.equal(code, 0, stderr);
      assert.equal(stdout.trim().split('\n').length, known.length, stdout);
    });
  }

  it('does not know the kinds that are left out', async () => {
    const objects = (await Promise.all(Object.values(VALUE_SETS).map(render))).flat();
    for (const kind of UNKNOWN) {
      const object = objects.find((one) => nameKind(one) === kind) ?? assert.fail(kind);
      const { code, stderr } = await apply([object]);
      assert.equal(code, 1, kind);
      assert.match(stderr, /no matches for kind/);
    }
  });

  it('refuses what is wrong', async () => {
    const service = pick(await render({}), 'Service');
    const { code, stderr } = await apply([
      { ...service, spec: { ports: [{ port: 80, targetPort: 'a name that is none' }] } },
    ]);
    assert.equal(code, 1);
    assert.match(stderr, /spec\.ports\[0\]\.targetPort: Invalid value/);
  });
});
