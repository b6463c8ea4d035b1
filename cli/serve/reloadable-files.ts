// What a server reads at its start, and again while it runs: each kind of files on its own.
import { createSecureContext } from 'node:tls';
import type { Policy } from '../../generator/policy/policy.ts';
import { MOST_TEXT_BYTES, readBounded } from '../../generator/system/read-bounded.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import type { PolicyFile } from '../../generator/policy/policy-json.ts';
import { PartlyUnusableError, type ReloadPart } from '../../server/reload/reload.ts';
import {
  isBrokenSigningSecret,
  toSigningKey,
} from '../../server/follow/webhook/proofs/standard-webhooks.ts';
import type { TlsFiles } from '../../server/listen/listener.ts';
import type { Reloadable } from '../../server/reload/in-force.ts';
import type { Settings } from '../base/options.ts';
import { UsageError } from '../base/usage-error.ts';
import { type NoteFile, NotedFiles } from '../inputs/noted-files.ts';
import { readPolicy } from '../inputs/read-policy.ts';
import type { LastGoodKeys } from './last-good-keys.ts';

export interface ReloadableFilesOptions {
  readonly settings: Settings;
  /** Stand in for keys that cannot be used. */
  readonly keys: LastGoodKeys;
  /** Told of each policy that was read while the server runs. */
  readonly onPolicy: (policy: Policy) => Promise<void>;
}

export class ReloadableFiles {
  readonly #options: ReloadableFilesOptions;
  readonly #policyFiles = new NotedFiles();
  readonly #secretFiles = new NotedFiles();
  readonly #notifyFiles = new NotedFiles();
  readonly #tlsFiles = new NotedFiles();
  /** What the policy file said when it could be used last. */
  #goodScopes: PolicyFile | undefined;
  /** Why it cannot be used now. */
  #policyFault: unknown;
  /** Of what is configured. */
  readonly parts: readonly ReloadPart[];

  /** @throws UsageError where only one of the two files for TLS is named */
  constructor(options: ReloadableFilesOptions) {
    this.#options = options;
    const { 'tls-cert': cert, 'tls-key': key, 'webhook-secret-file': secret } = options.settings;
    const { 'notify-url': receivers, 'notify-secret-file': notifySecret } = options.settings;
    if ((cert === undefined) !== (key === undefined)) {
      throw new UsageError(
        'TLS needs both --tls-cert and --tls-key',
        'give the one that is missing',
      );
    }
    if (notifySecret !== undefined && receivers.length === 0) {
      throw new UsageError(
        '--notify-secret-file signs what is sent to --notify-url',
        'give --notify-url, or leave it out',
      );
    }
    this.parts = [
      toPart('policy', this.#policyFiles, async () => this.#readPolicyAgain()),
      ...(secret === undefined
        ? []
        : [toPart('webhook-secret', this.#secretFiles, async () => this.#readSecrets())]),
      ...(notifySecret === undefined
        ? []
        : [toPart('notify-secret', this.#notifyFiles, async () => this.#readNotifySecrets())]),
      ...(cert === undefined ? [] : [toPart('tls', this.#tlsFiles, async () => this.#readTls())]),
    ];
  }

  /**
   * Reads all at the start.
   * @throws UsageError naming the file that cannot be used
   */
  async read(): Promise<Reloadable> {
    return {
      ...(await this.#readPolicy()),
      ...(await this.#readSecrets()),
      ...(await this.#readNotifySecrets()),
      ...(await this.#readTls()),
    };
  }

  async #readPolicy(): Promise<Pick<Reloadable, 'policy'>> {
    const { settings, keys } = this.#options;
    this.#policyFiles.begin();
    keys.begin();
    const { note } = this.#policyFiles;
    const scopesOf = this.#readScopes;
    return { policy: await readPolicy(settings, { memory: keys, note, scopesOf }) };
  }

  /** A policy file that is broken holds up no key file that it named before. */
  readonly #readScopes = async (read: () => Promise<PolicyFile>): Promise<PolicyFile> => {
    this.#policyFault = undefined;
    try {
      this.#goodScopes = await read();
    } catch (error) {
      if (this.#goodScopes === undefined) throw error;
      this.#policyFault = error;
    }
    return this.#goodScopes;
  };

  async #readPolicyAgain(): Promise<Pick<Reloadable, 'policy'>> {
    const files = await this.#readPolicy();
    const take = async (): Promise<Pick<Reloadable, 'policy'>> => {
      await this.#options.keys.keep();
      await this.#options.onPolicy(files.policy);
      return files;
    };
    if (this.#policyFault !== undefined) throw new PartlyUnusableError(this.#policyFault, take);
    return take();
  }

  async #readSecrets(): Promise<Pick<Reloadable, 'webhookSecrets'>> {
    const file = this.#options.settings['webhook-secret-file'];
    this.#secretFiles.begin();
    if (file === undefined) return { webhookSecrets: [] };
    const words = { flag: '--webhook-secret-file', cure: 'copy the signing token as a whole' };
    return { webhookSecrets: await readSecrets(file, words, this.#secretFiles.note) };
  }

  async #readNotifySecrets(): Promise<Pick<Reloadable, 'notifySecrets'>> {
    const file = this.#options.settings['notify-secret-file'];
    this.#notifyFiles.begin();
    if (file === undefined) return { notifySecrets: [] };
    const cure = 'make one with `echo "whsec_$(openssl rand -base64 32)"`';
    const words = { flag: '--notify-secret-file', cure };
    const lines = await readSecrets(file, words, this.#notifyFiles.note);
    return { notifySecrets: lines.map(toSigningKey) };
  }

  async #readTls(): Promise<Pick<Reloadable, 'tls'>> {
    const { 'tls-cert': cert, 'tls-key': key } = this.#options.settings;
    this.#tlsFiles.begin();
    if (cert === undefined || key === undefined) return { tls: undefined };
    return { tls: await readTls(cert, key, this.#tlsFiles.note) };
  }
}

function toPart(kind: ReloadPart['kind'], files: NotedFiles, read: ReloadPart['read']): ReloadPart {
  return { kind, read, findChange: async () => files.findChange() };
}

async function readTls(certFile: string, keyFile: string, note: NoteFile): Promise<TlsFiles> {
  const cert = await readNamed(certFile, '--tls-cert', note);
  const key = await readNamed(keyFile, '--tls-key', note);
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    throw new UsageError(
      `--tls-cert ${certFile} and --tls-key ${keyFile} cannot be used: ${messageOf(cause)}`,
      'both must be PEM, and the key must belong to the certificate',
      { cause },
    );
  }
  return { cert, key };
}

/** `cure` is for a signing key that is not whole. */
async function readSecrets(
  file: string,
  { flag, cure }: { readonly flag: string; readonly cure: string },
  note: NoteFile,
): Promise<readonly string[]> {
  const text = (await readNamed(file, flag, note)).toString('utf8');
  const secrets = text.split(/\r?\n/).filter((line) => line !== '');
  if (secrets.length === 0) {
    throw new UsageError(
      `${file}: expected a webhook secret, got an empty file`,
      'make one with `openssl rand -hex 32`',
    );
  }
  const broken = secrets.findIndex(isBrokenSigningSecret);
  if (broken >= 0) {
    throw new UsageError(
      `${file}: expected whsec_ and base64 behind it in secret ${broken + 1}`,
      cure,
    );
  }
  return secrets;
}

async function readNamed(file: string, flag: string, note: NoteFile): Promise<Buffer> {
  await note(file);
  try {
    return await readBounded(file, MOST_TEXT_BYTES);
  } catch (cause) {
    const said = messageOf(cause).replace(`${file}: `, '');
    const isForbidden = /\b(?:EACCES|EPERM)\b/.test(said);
    const hint = isForbidden ? 'make it readable for the user that runs lookaside' : undefined;
    throw new UsageError(`${flag}: cannot read ${file}: ${said}`, hint, { cause });
  }
}
