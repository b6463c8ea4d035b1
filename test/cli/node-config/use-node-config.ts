// Keys in a directory, and `lookaside node-config` called with them.
import assert from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { makeSigner, type Signer, type SigningKey } from '../../kit/signer/signer.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { type ProgramResult, runInProcess } from '../../kit/program/run-in-process.ts';

export const URL = 'https://sigs.example';
export const ANYTHING = [{ type: 'insecureAcceptAnything' }];
export const REJECT = [{ type: 'reject' }];
/** What must be said of images that no scope covers. */
export const REJECTING = ['--default', 'reject'];

export interface NodeConfigFixture {
  readonly signer: () => Signer;
  readonly red: () => SigningKey;
  readonly blue: () => SigningKey;
  /** A path in the directory of the test, which has `red.asc` and `blue.gpg`. */
  readonly at: (...names: readonly string[]) => string;
  /** `--scope quay.io/team=…` */
  readonly team: (key?: string) => readonly string[];
  readonly call: (...args: readonly string[]) => Promise<ProgramResult>;
  /** Calls it with `--out out`, which must go well; gives what it says on standard error. */
  readonly write: (...args: readonly string[]) => Promise<string>;
  readonly writeJson: (file: string, content: unknown) => Promise<string>;
  /** The policy that was written. */
  readonly readPolicy: () => Promise<unknown>;
}

const call = async (...args: readonly string[]): Promise<ProgramResult> =>
  runInProcess(['node-config', '--url', URL, ...args]);

/** Inside `describe`. */
export function useNodeConfig(): NodeConfigFixture {
  const directory = useTemporary();
  const at = (...names: readonly string[]): string => join(directory(), ...names);
  let made: { signer: Signer; red: SigningKey; blue: SigningKey } | undefined;
  const keys = () => {
    assert.ok(made);
    return made;
  };
  before('make keys', async () => {
    const signer = await makeSigner();
    const red = await signer.makeKey({ name: 'Red', algorithm: 'ed25519' });
    made = { signer, red, blue: await signer.makeKey({ name: 'Blue', algorithm: 'ed25519' }) };
  });
  after(() => keys().signer.stop());
  beforeEach(async () => {
    const { signer, red, blue } = keys();
    await signer.exportKeys(at('red.asc'), red);
    await signer.exportKeys(at('blue.gpg'), blue);
  });
  return {
    signer: () => keys().signer,
    red: () => keys().red,
    blue: () => keys().blue,
    at,
    team: (key = 'red.asc') => ['--scope', `quay.io/team=${at(key)}`],
    call,
    async write(...args) {
      const { code, stdout, stderr } = await call('--out', at('out'), ...args);
      assert.equal(code, 0, stderr);
      assert.equal(stdout.length, 0);
      return stderr;
    },
    async writeJson(file, content) {
      await writeFile(at(file), JSON.stringify(content));
      return at(file);
    },
    async readPolicy() {
      return JSON.parse(await readFile(at('out/etc/containers/policy.json'), 'utf8'));
    },
  };
}

/** Files below a directory, with their paths from there. */
export async function filesIn(root: string): Promise<readonly string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => relative(root, join(parentPath, name))).toSorted();
}

export function signedBy(keys: object): object {
  return { type: 'signedBy', keyType: 'GPGKeys', ...keys };
}

/** By the keys of a file that was written: `lookaside` and the rest of its name. */
export function signedByFile(rest: string): object {
  return signedBy({ keyPath: `/etc/pki/containers/lookaside${rest}.asc` });
}

/** By keys inside the policy. */
export async function signedByData(...files: readonly string[]): Promise<object> {
  const keys = await Promise.all(files.map(async (file) => readFile(file)));
  return signedBy({ keyData: Buffer.concat(keys).toString('base64') });
}
