import assert from 'node:assert/strict';
import { Opening } from '../../../../server/listen/inherited/opening.ts';

/** Longer than any test. Milliseconds. */
const NEVER = 1_000_000;

describe('when a server begins to take connections', () => {
  let opened = 0;
  beforeEach(() => {
    opened = 0;
  });
  const open = async (): Promise<void> => {
    opened++;
  };

  it('is when it has something to answer, and once', async () => {
    const opening = new Opening(open, NEVER);
    await Promise.resolve();
    assert.equal(opened, 0);
    opening.begin();
    opening.begin();
    await opening.done;
    assert.equal(opened, 1);
  });

  it('is after a time all the same', async () => {
    await new Opening(open, 1).done;
    assert.equal(opened, 1);
  });

  it('is never once it stops', async () => {
    const opening = new Opening(open, NEVER);
    opening.cancel();
    await opening.done;
    assert.equal(opened, 0);
  });

  it('tells what prevents it', async () => {
    const opening = new Opening(async () => Promise.reject(new Error('no')), 1);
    await assert.rejects(opening.done, { message: 'no' });
  });
});
