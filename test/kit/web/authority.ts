import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TlsFiles } from '../../../server/listen/listener.ts';
import { toolPath } from '../../with-tools.ts';
import { runOrThrow } from '../process/run.ts';

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
/** For how long certificates are good. Days. */
const DAYS = '2';

/** A private certificate authority, made with openssl. */
export class Authority {
  /** Its certificate (PEM). */
  readonly file: string;
  readonly #directory: string;
  readonly #key: string;

  private constructor(directory: string) {
    this.#directory = directory;
    this.file = join(directory, 'authority.pem');
    this.#key = join(directory, 'authority.key');
  }

  static async make(directory: string): Promise<Authority> {
    const made = new Authority(directory);
    const out = ['-keyout', made.#key, '-out', made.file];
    const what = ['-days', '4000', '-subj', '/CN=Authority of the tests'];
    await runOrThrow('openssl', ['req', '-x509', ...CURVE, ...what, ...out]);
    return made;
  }

  /** Makes a certificate for names like `IP:127.0.0.1`; `at` is the day from which it is good, if not today. */
  async issue(names: string, at?: string): Promise<TlsFiles> {
    const path = (ending: string): string => join(this.#directory, `issued.${ending}`);
    const request = [...CURVE, '-subj', '/CN=git', '-keyout', path('key'), '-out', path('csr')];
    await runOrThrow('openssl', ['req', ...request]);
    await writeFile(path('names'), `subjectAltName=${names}\n`);
    const by = ['-CA', this.file, '-CAkey', this.#key, '-set_serial', String(Date.now())];
    const what = [
      '-days',
      DAYS,
      '-extfile',
      path('names'),
      '-in',
      path('csr'),
      '-out',
      path('crt'),
    ];
    const sign = ['openssl', 'x509', '-req', ...by, ...what];
    await runOrThrow(at ? toolPath('faketime') : 'env', at ? [at, ...sign] : sign);
    return { cert: await readFile(path('crt')), key: await readFile(path('key')) };
  }
}
