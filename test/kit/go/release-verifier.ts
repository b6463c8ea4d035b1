/** The cluster-version operator's and oc-mirror's own rules, by their OpenPGP engine: built from Debian's packages. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { runOrThrow } from '../process/run.ts';
import { makeTemporary, removeTemporary } from '../temporary.ts';

const SOURCE = join(dirname(fileURLToPath(import.meta.url)), 'release-verifier.go');
/** Where Debian puts Go packages. */
const GO_PATH = '/usr/share/gocode';
/** The package that it needs beside Go. */
export const GO_OPENPGP = join(GO_PATH, 'src/golang.org/x/crypto/openpgp/read.go');

export interface ReleaseQuestion {
  readonly keyring: Uint8Array;
  readonly digest: string;
  readonly signature: Uint8Array;
}

const answer = z.object({
  keyring: z.string(),
  armored: z.string(),
  keys: z.array(z.string()),
  refused: z.string(),
  stopped: z.string(),
});

/** Each is empty where nothing is wrong. */
export type ReleaseAnswer = z.infer<typeof answer>;

export class ReleaseVerifier {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Compiles it. */
  static async build(): Promise<ReleaseVerifier> {
    if (!existsSync(GO_OPENPGP)) throw new Error(`expected ${GO_OPENPGP}`);
    const directory = await makeTemporary();
    const env = { GO111MODULE: 'off', GOPATH: GO_PATH, GOFLAGS: '' };
    await runOrThrow('go', ['build', '-o', join(directory, 'verifier'), SOURCE], { env });
    return new ReleaseVerifier(directory);
  }

  /** Answers in the order of the questions. */
  async askAll(questions: readonly ReleaseQuestion[]): Promise<readonly ReleaseAnswer[]> {
    const lines = questions.map(({ keyring, digest, signature }) =>
      JSON.stringify({ keyring: encode(keyring), digest, signature: encode(signature) }),
    );
    const { stdout } = await runOrThrow(join(this.#directory, 'verifier'), [], {
      input: `${lines.join('\n')}\n`,
    });
    const answers = stdout.split('\n').filter((line) => line !== '');
    if (answers.length !== questions.length) {
      throw new Error(`expected ${questions.length} answers, got ${answers.length}`);
    }
    return answers.map((line) => answer.parse(JSON.parse(line)));
  }

  async remove(): Promise<void> {
    await removeTemporary(this.#directory);
  }
}

function encode(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
