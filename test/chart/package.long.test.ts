// The chart as an OCI artifact: through a real registry it comes out as it went in.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { helm } from '../kit/kubernetes/kubernetes-tools.ts';
import { CHART, LEAST, renderText } from '../kit/kubernetes/render.ts';
import { runOrThrow } from '../kit/process/run.ts';
import { startRegistry } from '../kit/registry/registry.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';
import { readVersion } from './rendered.ts';

async function helmOrThrow(args: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await helm(args, { input });
  assert.equal(code, 0, stderr);
  return stdout;
}

describeWith(['docker-registry'], 'the packaged chart', () => {
  const directory = useTemporary();

  it('comes out of a registry as it went in', async () => {
    const registry = await startRegistry();
    await helmOrThrow(['package', CHART, '--destination', directory()]);
    const file = join(directory(), `lookaside-${readVersion()}.tgz`);
    const { stdout: names } = await runOrThrow('tar', ['tzf', file]);
    const inside = names.trim().split('\n');
    assert.ok(inside.includes('lookaside/files/lookaside-alerts.yaml'));
    assert.ok(
      inside.every((name) => /^lookaside\/(?:[A-Zv]|files\/|templates\/|\.helmignore)/.test(name)),
    );
    const charts = `oci://${registry.host}/charts`;
    await helmOrThrow(['push', file, charts, '--plain-http']);
    const args = ['template', 'lookaside', `${charts}/lookaside`, '--plain-http', '--values', '-'];
    assert.equal(await helmOrThrow(args, stringify(LEAST)), await renderText({}));
    await registry.stop();
  });
});
