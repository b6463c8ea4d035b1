import assert from 'node:assert/strict';
import type { ProgramResult } from '../../kit/program/run-in-process.ts';

/** The line of a complaint without `lookaside: `, and the line behind it. */
export interface Expected {
  readonly message: RegExp;
  readonly hint?: RegExp;
}

/** Asserts that a run said nothing but why it cannot work. */
export function assertUsageError(
  { code, stdout, stderr }: ProgramResult,
  expected: Expected,
): void {
  const [first = '', second = '', ...rest] = stderr.trimEnd().split('\n');
  assert.equal(code, 2, stdout.toString());
  assert.equal(stdout.toString(), '');
  assert.match(first, /^lookaside: [^A-Z\s]/);
  assert.match(first.slice('lookaside: '.length), expected.message);
  assert.match(second, expected.hint ?? /^(hint: \S|$)/);
  assert.deepEqual(rest, []);
}
