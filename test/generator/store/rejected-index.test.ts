import assert from 'node:assert/strict';
import { RejectedIndex } from '../../../generator/store/rejected-index.ts';
import type { RejectedFile } from '../../../generator/store/report.ts';
import type { RejectionCode } from '../../../generator/terms/rejection.ts';

const A = 'a'.repeat(64);
const B = 'b'.repeat(64);

function rejected(path: string, code: RejectionCode, message = ''): RejectedFile {
  return { path, status: 'rejected', code, message, hint: '', breaksPulls: false };
}

function indexOf(...files: readonly RejectedFile[]): RejectedIndex {
  const index = new RejectedIndex();
  index.add(files);
  return index;
}

describe('generator: rejected files by digest', () => {
  const first = rejected(`team/app@sha256=${A}/signature-1`, 'html');
  const second = rejected(`team/app@sha256=${A}/signature-2`, 'html');
  const other = rejected(`team/b@sha256=${A}/signature-1`, 'digest-mismatch', `got "sha256:${B}"`);

  it('are those of its directories', () => {
    const index = indexOf(first, second);
    assert.deepEqual(index.of(A), [first, second]);
    assert.deepEqual(index.of(B), []);
    index.remove([first]);
    assert.deepEqual(index.of(A), [second]);
    index.remove([second]);
    assert.deepEqual(index.of(A), []);
  });

  it('are those that say of themselves that they are of another', () => {
    assert.deepEqual(indexOf(first, other).of(B), [other]);
    assert.deepEqual(indexOf(first, other).of(A), [first, other]);
  });

  it('are those in no digest directory that name it anywhere, in whatever case', () => {
    const paths = [`x@sha256=${A.toUpperCase()}/signature-1`, `sha256-${A}.sig`, `${A}/x/y`];
    for (const path of paths) {
      assert.equal(indexOf(rejected(path, 'stray-file')).of(A).length, 1, path);
    }
    const file = rejected('x/signature-1', 'stray-file', `is of ${A} and ${B}`);
    assert.deepEqual([indexOf(file).of(A), indexOf(file).of(B)], [[file], [file]]);
    assert.deepEqual(indexOf(rejected(`x@sha256=${A}0/signature-1`, 'html')).of(A), []);
  });

  it('are counted by code', () => {
    const index = indexOf(first, second, other);
    assert.deepEqual(
      [...index.codes],
      [
        ['html', 2],
        ['digest-mismatch', 1],
      ],
    );
    index.remove([first, second]);
    assert.deepEqual([...index.codes], [['digest-mismatch', 1]]);
  });
});
