import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TlsFiles } from '../../../server/listen/listener.ts';
import { run } from '../process/run.ts';

/** Makes a certificate that signs itself for the common name `name`, for two days unless told. */
export async function makeCertificate(
  directory: string,
  name: string,
  days = 2,
): Promise<TlsFiles> {
  const [cert, key] = [join(directory, `${name}.crt`), join(directory, `${name}.key`)];
  const what = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const { code } = await run('openssl', [
    'req',
    ...what,
    '-days',
    String(days),
    '-subj',
    `/CN=${name}`,
    '-keyout',
    key,
    '-out',
    cert,
  ]);
  assert.equal(code, 0);
  return { cert: await readFile(cert), key: await readFile(key) };
}
