import { join } from 'node:path';
import { runOrThrow } from '../process/run.ts';

/** Makes a self-signed certificate for 127.0.0.1 with openssl; `args` are those of `serve`. */
export async function makeCertificate(
  directory: string,
): Promise<{ readonly cert: string; readonly key: string; readonly args: readonly string[] }> {
  const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const subject = ['-subj', '/CN=127.0.0.1', '-days', '2'];
  await runOrThrow('openssl', ['req', '-x509', ...curve, ...subject, '-keyout', key, '-out', cert]);
  return { cert, key, args: ['--tls-cert', cert, '--tls-key', key] };
}
