// Tasks on their way to another thread: as few objects as can be, each of which would cost as much
// as all the bytes.
import type { KeyObject } from 'node:crypto';
import type { RsaTask } from './rsa.ts';

/** Tasks in their order, part by part. */
export interface RsaBatch {
  readonly keys: readonly KeyObject[];
  readonly hashNames: readonly string[];
  /** Of what is signed, the start of the digest and the signature of each task in turn. */
  readonly lengths: readonly number[];
  /** All of those, one behind the other. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export function packTasks(tasks: readonly RsaTask[]): RsaBatch {
  const parts = tasks.flatMap((task) => [task.signed, task.digestStart, task.signature]);
  const lengths = parts.map(({ length }) => length);
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let used = 0;
  for (const part of parts) {
    bytes.set(part, used);
    used += part.length;
  }
  return {
    keys: tasks.map(({ key }) => key),
    hashNames: tasks.map(({ hashName }) => hashName),
    lengths,
    bytes,
  };
}

export function unpackTasks({ keys, hashNames, lengths, bytes }: RsaBatch): readonly RsaTask[] {
  let used = 0;
  const next = (length = 0): Uint8Array => bytes.subarray(used, (used += length));
  return keys.map((key, at) => ({
    key,
    hashName: hashNames[at] ?? '',
    signed: next(lengths[3 * at]),
    digestStart: next(lengths[3 * at + 1]),
    signature: next(lengths[3 * at + 2]),
  }));
}
