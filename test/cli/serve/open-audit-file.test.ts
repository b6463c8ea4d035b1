import assert from 'node:assert/strict';
import { mkdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openAuditFile, reopenAuditFile } from '../../../cli/serve/open-audit-file.ts';
import { createProgramLog } from '../../../generator/system/program-log.ts';
import { Troubles } from '../../../server/troubles/troubles.ts';
import { captureLines } from '../../kit/server/captured-lines.ts';
import { useTemporary } from '../../kit/temporary.ts';

describe('the file of the audit log, at a reload', () => {
  const directory = useTemporary();

  it('is made anew, or it is told why not until it can be', async () => {
    const path = join(directory(), 'audit.log');
    const troubles = new Troubles(() => new Date());
    const lines = captureLines();
    const log = createProgramLog(lines.stream);
    const file = (await openAuditFile(path, troubles, log)) ?? assert.fail();
    const reopen = async (): Promise<void> => reopenAuditFile(file, troubles, log);
    try {
      await rename(path, `${path}.1`);
      await reopen();
      assert.equal(await readFile(path, 'utf8'), '');
      assert.equal(lines.text(), '');
      await rm(path);
      await mkdir(path);
      await reopen();
      assert.match(lines.text(), /"hint":"make room.*the audit log cannot be written: EISDIR/);
      assert.equal(troubles.list()[0]?.kind, 'audit-log');
      await rmdir(path);
      await reopen();
      assert.deepEqual(troubles.list(), []);
      assert.equal(await readFile(path, 'utf8'), '');
    } finally {
      await file.close();
    }
  });
});
