import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { createProgramLog } from '../../../generator/system/program-log.ts';
import { CertificateDates } from '../../../server/listen/certificate-dates.ts';
import type { TlsFiles } from '../../../server/listen/listener.ts';
import { Troubles } from '../../../server/troubles/troubles.ts';
import { startExample } from '../../kit/server/example-server.ts';
import { captureLines } from '../../kit/server/captured-lines.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { makeCertificate } from '../../kit/web/certificate.ts';
import { readStatus } from '../../kit/program/read-status.ts';
import { describeWith } from '../../with-tools.ts';
import { readMetrics } from '../metrics/read-metrics.ts';

const DAY = 24 * 3_600_000;

describeWith(['openssl'], 'the dates of the certificate', () => {
  const directory = useTemporary('suite');
  let tls: TlsFiles;
  let cert: Uint8Array;
  let from: number;
  let until: number;
  before(async () => {
    tls = await makeCertificate(directory(), 'store.example');
    ({ cert } = tls);
    const { validFrom, validTo } = new X509Certificate(cert);
    [from, until] = [Date.parse(validFrom), Date.parse(validTo)];
  });

  const watchAt = (time: number) => {
    let now = time;
    const troubles = new Troubles(() => new Date(now));
    const lines = captureLines();
    const log = createProgramLog(lines.stream);
    const dates = new CertificateDates({ now: () => new Date(now), troubles, log });
    dates.take(cert);
    const goTo = (other: number): void => {
      now = other;
      dates.look();
    };
    return { dates, lines, goTo, told: () => troubles.list().map(({ message }) => message) };
  };

  it('are told in the log when it ends soon, and as a trouble when it has ended', () => {
    const { dates, lines, goTo, told } = watchAt(from);
    // Made for two days.
    assert.match(lines.text(), new RegExp(`"level":"warn".*expires on ${iso(until)}`));
    assert.deepEqual([dates.until(), told()], [until, []]);
    goTo(until + 1000);
    const expired = `the TLS certificate expired on ${iso(until)}: clients refuse it`;
    assert.deepEqual(told(), [expired]);
    goTo(until + DAY);
    assert.equal(lines.text().split(expired).length, 2, 'logged once');
  });

  it('are told of one that is not valid yet, until it is', () => {
    const { goTo, lines, told } = watchAt(from - DAY);
    const early = `the TLS certificate is not valid before ${iso(from)}: clients refuse it until then`;
    assert.deepEqual(told(), [early]);
    assert.ok(lines.text().includes(early));
    goTo(from + 1000);
    assert.deepEqual(told(), []);
  });

  it('are told by a server that starts with one that has expired, until another takes its place', async () => {
    const server = await startExample({ tls, now: () => new Date(until + DAY) });
    try {
      const [trouble] = (await readStatus(server)).troubles;
      assert.deepEqual(
        [trouble?.kind, trouble?.message.includes(iso(until))],
        ['tls-certificate', true],
      );
      assert.match(server.programLog.text(), /"level":"error".*the TLS certificate expired on/);
      assert.match(await (await fetch(server.statusUrl)).text(), /the TLS certificate expired on/);
      const { samples } = await readMetrics(server);
      const shown = samples.get('lookaside_tls_certificate_expiry_timestamp_seconds');
      assert.equal(shown, until / 1000);
      server.reload({ tls: await makeCertificate(directory(), 'renewed.example', 90) });
      assert.deepEqual((await readStatus(server)).troubles, []);
    } finally {
      await server.stop();
    }
  });

  it('are those of the newest one', () => {
    const { dates, goTo, told } = watchAt(until + DAY);
    assert.equal(told().length, 1);
    goTo(from);
    dates.take(cert);
    assert.deepEqual(told(), []);
  });
});

function iso(time: number): string {
  return new Date(time).toISOString();
}
