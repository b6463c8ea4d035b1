// `lookaside show FILE…`: what a signature says, for people who review it before it is published.
import { createReadStream } from 'node:fs';
import { readlink } from 'node:fs/promises';
import { styleText } from 'node:util';
import {
  describeSignature,
  type ShownSignature,
  type ShownVerdict,
} from '../generator/explain/describe-signature.ts';
import { explainLink } from '../generator/openpgp/foreign/foreign-signature-file.ts';
import { MAX_BLOB_BYTES } from '../generator/openpgp/signature-file.ts';
import { listKeyWarnings } from '../generator/policy/key-warnings.ts';
import { hasCode, messageOf } from '../generator/terms/errors.ts';
import { nameFileIn } from '../generator/terms/rejection.ts';
import { formatJson, toPrintable } from '../generator/terms/text.ts';
import { toBudgets } from './base/budget-options.ts';
import type { Settings } from './base/options.ts';
import { UsageError } from './base/usage-error.ts';
import { assertFormat } from './base/assert-format.ts';
import { write, hasColour, type ProcessIo } from './base/process-io.ts';
import { openEngines } from './inputs/open-engines.ts';
import { withTemporaryState } from './inputs/open-source.ts';
import { readPolicy, warnOfKeyFaults } from './inputs/read-policy.ts';
import { findUnreadKeyFiles } from './inputs/unread-key-files.ts';

/** In the environment of each program that git runs (git(1), setup.c). */
const SET_BY_GIT = 'GIT_PREFIX';
const WIDTH = 'algorithm:  '.length;
const COLOURS = { accepted: 'green', rejected: 'red', unverified: 'yellow' } as const;

/**
 * 0 where each file is a signature, whatever it is worth: that is `check`'s word. 1 where one is
 * something else, unless git asks: it takes no text from a textconv that fails.
 */
export async function show(
  files: readonly string[],
  settings: Settings,
  io: ProcessIo,
): Promise<number> {
  const { format } = settings;
  assertFormat('show', settings);
  const policy = await readPolicy(settings);
  warnOfKeyFaults(policy, io.stderr);
  for (const warning of await findUnreadKeyFiles(settings)) {
    io.stderr.write(`lookaside: warning: ${warning}\n`);
  }
  return withTemporaryState(io.signals, async (directory, ending) => {
    const { openMessage, close } = await openEngines(
      io.environment,
      directory,
      toBudgets(settings),
    );
    ending.addEventListener('abort', () => void close());
    for (const warning of listKeyWarnings(policy)) {
      io.stderr.write(`lookaside: warning: ${warning}\n`);
    }
    const options = { keyring: policy.keyring, openMessage };
    const shown = [];
    for (const path of files) {
      const bytes = await readInput(path, io);
      shown.push(await describeSignature(path, bytes, options, new Date()));
    }
    const output =
      format === 'json'
        ? `${formatJson({ files: shown }, 2)}\n`
        : formatShown(shown, hasColour(io.stdout, io.environment));
    await write(io.stdout, output);
    const isForGit = io.environment[SET_BY_GIT] !== undefined;
    return !isForGit && shown.some(({ form }) => form === 'unknown') ? 1 : 0;
  });
}

/** Of a larger file the size is enough to say what is wrong. */
async function readInput(path: string, io: ProcessIo): Promise<Uint8Array> {
  try {
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of path === '-' ? io.stdin : createReadStream(path)) {
      pieces.push(Buffer.from(piece));
      size += piece.length;
      if (size > MAX_BLOB_BYTES) break;
    }
    return Buffer.concat(pieces);
  } catch (cause) {
    const target = hasCode(cause, 'ENOENT') ? await readLink(path) : undefined;
    // Where git-annex has not brought the content, the link tells what the file is.
    if (target && explainLink(target)) return target;
    if (!target)
      throw new UsageError(`cannot read ${path}: ${messageOf(cause)}`, undefined, { cause });
    throw new UsageError(
      `cannot read ${path}: it is a symbolic link to ${JSON.stringify(target.toString())}, which is not there`,
      'name the signature itself',
      { cause },
    );
  }
}

/** Where a link leads; undefined for what is none. */
async function readLink(path: string): Promise<Buffer | undefined> {
  return readlink(path, { encoding: 'buffer' }).catch(() => undefined);
}

/**
 * Signatures for people, a line a fact. One alone is not named: git gives a textconv the name of
 * a temporary file.
 */
export function formatShown(shown: readonly ShownSignature[], colour: boolean): string {
  const blocks = shown.map((signature) => {
    const head = shown.length > 1 ? [`${toPrintable(signature.path)}:`] : [];
    return [...head, ...formatSignature(signature, colour)].map((line) => `${line}\n`).join('');
  });
  return blocks.join('\n');
}

function formatSignature(
  { path, claims, signature, form, size, verdict }: ShownSignature,
  colour: boolean,
): string[] {
  const facts: [name: string, value: string | null | undefined][] = [
    ['identity', claims?.dockerReference],
    ['digest', claims?.manifestDigest],
    ['creator', claims?.creator],
    ['timestamp', claims?.timestamp],
    ['signed', signature?.created],
    ['expires', signature && (signature.expires ?? 'never')],
    ['key', signature && (signature.keyId ?? 'not named')],
    ['algorithm', signature && `${signature.publicKeyAlgorithm}, ${signature.hashAlgorithm}`],
    ['form', `${formatForm(form, signature?.version)}, ${size} bytes`],
    ...formatVerdict(verdict, path),
  ];
  const paint = (name: string, value: string): string =>
    colour && name === 'verdict'
      ? value.replace(/^[a-z]+/, (word) =>
          styleText(COLOURS[verdict.status], word, { validateStream: false }),
        )
      : value;
  return facts.flatMap(([name, value]) =>
    value === null || value === undefined
      ? []
      : [`${`${name}:`.padEnd(WIDTH)}${paint(name, toPrintable(value))}`],
  );
}

function formatForm(form: ShownSignature['form'], version: number | undefined): string {
  const packet = version === undefined ? '' : `, version ${version} packet`;
  return form === 'unknown' ? 'not a signature' : `${form} OpenPGP message${packet}`;
}

function formatVerdict(verdict: ShownVerdict, path: string): [name: string, value: string][] {
  switch (verdict.status) {
    case 'unverified':
      return [['verdict', 'not verified: no keys were given']];
    case 'accepted':
      return [
        ['verdict', `accepted: signed by ${verdict.signer.primaryFingerprint}`],
        ...verdict.warnings.map(({ code, message }): [string, string] => [
          'warning',
          `${code}: ${message}`,
        ]),
      ];
    case 'rejected':
      return [
        ['verdict', `rejected: ${verdict.code}: ${verdict.message}`],
        ['hint', path === '-' ? verdict.hint : nameFileIn(verdict.hint, path)],
      ];
  }
}
