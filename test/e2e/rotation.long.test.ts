// Everything that kubelet replaces in its volumes comes into force without a signal, seen from outside:
// handshakes, deliveries and lookups.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { describeWith } from '../with-tools.ts';
import { eventually } from '../kit/eventually.ts';
import { KubeletVolume } from '../kit/process/kubelet-volume.ts';
import type { Lookaside } from '../kit/program/lookaside.ts';
import { readStatus } from '../kit/program/read-status.ts';
import { formatPush } from '../kit/program/send-push.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { type Publisher, type SignedFile, makePublisher } from '../kit/signer/publisher.ts';
import type { SigningKey } from '../kit/signer/signer.ts';
import { useTemporary } from '../kit/temporary.ts';
import { makeCertificate } from '../kit/web/certificate.ts';
import { readMetrics, valuesOf } from '../server/metrics/read-metrics.ts';

describeWith(['gpg', 'git', 'openssl'], 'volumes that kubelet replaces', () => {
  const servers = useLookaside();
  const directory = useTemporary();
  let publisher: Publisher;
  let remote: GitRemote;
  let successor: SigningKey;
  let ours: SignedFile;
  let next: SignedFile;
  before(async () => {
    [publisher, remote] = await Promise.all([makePublisher(), makeGitRemote()]);
    successor = await publisher.signer.makeKey({ algorithm: 'ed25519' });
    ours = await publisher.sign();
    next = await publisher.sign({ repository: 'team/next', key: successor });
    await remote.publish({ [ours.location]: ours.bytes, [next.location]: next.bytes });
  });
  after(async () => Promise.all([publisher.stop(), remote.remove()]));

  const exportKeys = async (...keys: readonly SigningKey[]): Promise<Buffer> =>
    readFile(await publisher.signer.exportKeys(join(directory(), 'exported.asc'), ...keys));

  it('bring keys, a secret and a certificate into force, each on its own', async () => {
    const volumes = {
      keys: new KubeletVolume(join(directory(), 'keys')),
      secret: new KubeletVolume(join(directory(), 'secret')),
      tls: new KubeletVolume(join(directory(), 'tls')),
    };
    const [first, second] = await Promise.all([
      makeCertificate(directory(), 'first.example'),
      makeCertificate(directory(), 'second.example'),
    ]);
    await volumes.keys.write({ 'team.asc': await exportKeys(publisher.key) });
    await volumes.secret.write({ secret: 'the old secret\n' });
    await volumes.tls.write({ 'tls.crt': first.cert, 'tls.key': first.key });
    const server = await servers.start(remote.path, [
      `--keys=${volumes.keys.path}`,
      `--webhook-secret-file=${volumes.secret.at('secret')}`,
      `--tls-cert=${volumes.tls.at('tls.crt')}`,
      `--tls-key=${volumes.tls.at('tls.key')}`,
      `--state-dir=${join(directory(), 'state')}`,
      '--poll=0s',
    ]);
    // Made for two days.
    assert.match(server.stderr(), /"level":"warn".*the TLS certificate expires on 20/);
    assert.equal(await subjectOf(server), 'CN=first.example');
    assert.deepEqual(
      [await deliver(server, 'the old secret'), await deliver(server, 'the new secret')],
      [202, 401],
    );
    assert.deepEqual([await look(server, ours), await look(server, next)], [200, 404]);

    // What was good is served all the time.
    const answers = new Set<number>();
    const ended = new AbortController();
    const steady = (async () => {
      while (!ended.signal.aborted) {
        answers.add(await look(server, ours));
        await sleep(50);
      }
    })();
    await volumes.keys.write({
      'team.asc': await exportKeys(publisher.key),
      'next.asc': await exportKeys(successor),
    });
    await volumes.secret.write({ secret: 'the new secret\n' });
    await volumes.tls.write({ 'tls.crt': second.cert, 'tls.key': second.key });
    await eventually(async () => assert.equal(await look(server, next), 200));
    await eventually(async () => assert.equal(await subjectOf(server), 'CN=second.example'));
    await eventually(async () => assert.equal(await deliver(server, 'the new secret'), 202));
    assert.deepEqual(
      [await deliver(server, 'the old secret'), await look(server, ours)],
      [401, 200],
    );
    assert.deepEqual(await readingsOf(server), { policy: 1, 'webhook-secret': 1, tls: 1 });
    const { samples } = await readMetrics(server);
    const until = Date.parse(new X509Certificate(second.cert).validTo);
    assert.equal(samples.get('lookaside_tls_certificate_expiry_timestamp_seconds'), until / 1000);

    // A key that is not that of the certificate, one key file that is broken, and a third secret.
    await volumes.tls.write({ 'tls.crt': first.cert, 'tls.key': second.key });
    await volumes.keys.write({ 'team.asc': '<!DOCTYPE html>', 'next.asc': 'none' });
    await volumes.secret.write({ secret: 'a third secret\n' });
    await eventually(async () => assert.equal(await deliver(server, 'a third secret'), 202));
    await eventually(async () =>
      assert.deepEqual(await readingsOf(server), { policy: 1, 'webhook-secret': 1, tls: 0 }),
    );
    await eventually(async () => {
      const kinds = new Set((await readStatus(server)).troubles.map(({ kind }) => kind));
      assert.ok(kinds.has('keys-unusable') && kinds.has('reload-failed'), 'not yet');
    });
    assert.match(await (await fetch(server.statusUrl)).text(), /--tls-cert .* --tls-key/);
    assert.equal(await subjectOf(server), 'CN=second.example');
    assert.deepEqual([await look(server, ours), await look(server, next)], [200, 200]);

    await volumes.tls.write({ 'tls.crt': first.cert, 'tls.key': first.key });
    await volumes.keys.write({ 'team.asc': await exportKeys(publisher.key, successor) });
    await eventually(async () => assert.equal(await subjectOf(server), 'CN=first.example'));
    await eventually(async () => assert.deepEqual((await readStatus(server)).troubles, []));
    assert.deepEqual([await look(server, ours), await look(server, next)], [200, 200]);
    ended.abort();
    await steady;
    assert.deepEqual([...answers], [200]);
  });
});

/** Whose certificate a new connection is shown. */
async function subjectOf({ baseUrl }: Lookaside): Promise<string> {
  const { hostname, port } = new URL(baseUrl);
  const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const subject = socket.getPeerX509Certificate()?.subject ?? '';
  socket.destroy();
  return subject;
}

async function look(server: Lookaside, { location, bytes }: SignedFile): Promise<number> {
  const answer = await ask(server, 'GET', location);
  if (answer.status === 200) assert.ok(answer.bytes.equals(bytes), 'the bytes that were signed');
  return answer.status;
}

async function deliver(server: Lookaside, secret: string): Promise<number> {
  const { headers, body } = formatPush({ secret });
  return (await ask(server, 'POST', 'webhook', headers, body)).status;
}

async function ask(
  { baseUrl }: Lookaside,
  method: string,
  path: string,
  headers = {},
  body = '',
): Promise<{ readonly status: number; readonly bytes: Buffer }> {
  const options = { method, headers, rejectUnauthorized: false, agent: false };
  const asked = request(`${baseUrl}/${path}`, options).end(body);
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, bytes: await buffer(response) };
}

async function readingsOf(server: Lookaside): Promise<Record<string, number>> {
  return valuesOf(await readMetrics(server), 'lookaside_config_last_reload_successful');
}
