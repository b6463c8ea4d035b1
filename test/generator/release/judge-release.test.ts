import assert from 'node:assert/strict';
import { judgeRelease } from '../../../generator/release/judge-release.ts';
import { readReleaseKeyring } from '../../../generator/release/release-keyring.ts';
import { KeyFileError } from '../../../generator/openpgp/keys/key-file.ts';
import { isRejection } from '../../../generator/terms/rejection.ts';
import { makeSigner } from '../../kit/signer/signer.ts';
import { describeWith } from '../../with-tools.ts';
import { DIGEST, type ReleaseCase, makeReleaseCases } from './release-cases.ts';

function codeOf({ keyring, bytes }: ReleaseCase): string | undefined {
  try {
    const read = readReleaseKeyring({ path: 'keys', bytes: keyring });
    const verdict = judgeRelease(bytes, DIGEST, [read], new Date());
    return isRejection(verdict) ? verdict.code : undefined;
  } catch (error) {
    if (error instanceof KeyFileError) return 'keyring';
    throw error;
  }
}

describeWith(['gpg'], 'the signature of a release', () => {
  it('is judged as the cluster-version operator judges it', async () => {
    const signer = await makeSigner();
    try {
      const cases = await makeReleaseCases(signer);
      const found = cases.map((one) => [one.title, codeOf(one)]);
      assert.deepEqual(
        found,
        cases.map(({ title, code }) => [title, code]),
      );
      assert(cases.length >= 60);
    } finally {
      await signer.stop();
    }
  });
});
