import assert from 'node:assert/strict';
import { chmod, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openGpgv } from '../../../generator/openpgp/gpgv.ts';
import { LastingGpgv } from '../../../generator/openpgp/lasting-gpgv.ts';
import { isRejection } from '../../../generator/terms/rejection.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { Toolbox } from '../../kit/process/toolbox.ts';
import { describeWith } from '../../with-tools.ts';

const MESSAGE = Buffer.from([0x90]);
const NO_KEYS = new Uint8Array();

describeWith(['gpgv'], 'a gpgv that comes and goes', () => {
  const directory = useTemporary();
  let toolbox: Toolbox;
  let elapsed = 0;
  let gpgv: LastingGpgv;

  beforeEach('look for it', async () => {
    elapsed = 0;
    toolbox = await Toolbox.make(join(directory(), 'bin'));
    const open = async () => openGpgv({ path: toolbox.path, directory: directory() });
    gpgv = new LastingGpgv({ open, elapsed: () => elapsed });
  });
  afterEach(async () => gpgv.close());

  const verify = async (): Promise<string> => {
    const found = (await gpgv.find()) ?? assert.fail('there is none');
    const { verdict } = await found.verify(MESSAGE, NO_KEYS);
    return isRejection(verdict) ? verdict.code : 'good';
  };

  it('is found, and verifies', async () => {
    assert.equal(gpgv.version, undefined);
    assert.equal(await verify(), 'malformed');
    assert.match(gpgv.version ?? '', /^2\./);
  });

  const failures: Readonly<Record<string, () => Promise<void>>> = {
    'is not there': async () => toolbox.remove('gpgv'),
    'fails at the start': async () => toolbox.replace('gpgv', 'exit 1'),
    'is too old': async () => toolbox.replace('gpgv', 'echo "gpgv (GnuPG) 1.4.23"'),
  };
  for (const [what, inflict] of Object.entries(failures)) {
    it(`that ${what} is looked for again, but not all the time`, async () => {
      await inflict();
      assert.equal(await gpgv.find(), undefined);
      await toolbox.restore('gpgv');
      elapsed = 59_999;
      assert.equal(await gpgv.find(), undefined);
      elapsed = 60_000;
      assert.equal(await verify(), 'malformed');
    });
  }

  it('is looked for at once when somebody asks for that', async () => {
    await toolbox.remove('gpgv');
    assert.equal(await gpgv.find(), undefined);
    await toolbox.restore('gpgv');
    await gpgv.lookAgain();
    assert.equal(await verify(), 'malformed');
    await toolbox.remove('gpgv');
    await gpgv.lookAgain();
    assert.deepEqual([await gpgv.find(), gpgv.version], [undefined, undefined]);
  });

  const deaths: Readonly<Record<string, () => Promise<void>>> = {
    'is taken away': async () => toolbox.remove('gpgv'),
    'is killed': async () => toolbox.replace('gpgv', 'kill -9 $$'),
    'may not be run': async () => {
      await rm(join(toolbox.path, 'gpgv'));
      await writeFile(join(toolbox.path, 'gpgv'), '');
      await chmod(join(toolbox.path, 'gpgv'), 0o644);
    },
  };
  for (const [what, inflict] of Object.entries(deaths)) {
    it(`that ${what} gives no verdict, and is given up after a few failures`, async () => {
      assert.equal(await verify(), 'malformed');
      await inflict();
      for (let failure = 0; failure < 3; failure++) assert.equal(await verify(), 'cannot-verify');
      assert.equal(await gpgv.find(), undefined);
      await toolbox.restore('gpgv');
      elapsed += 60_000;
      assert.equal(await verify(), 'malformed');
    });
  }

  it('is not there while it has no room for its files', async () => {
    let room = join(directory(), 'missing');
    const open = async () => openGpgv({ path: toolbox.path, directory: room });
    const other = new LastingGpgv({ open, elapsed: () => elapsed });
    assert.equal(await other.find(), undefined);
    room = directory();
    assert.equal(await other.find(), undefined, 'it is not tried for each file');
    elapsed += 60_000;
    assert.notEqual(await other.find(), undefined);
    room = join(directory(), 'missing');
    await assert.rejects(other.lookAgain());
    assert.notEqual(await other.find(), undefined, 'it was lost');
    await other.close();
  });

  it('throws once it is closed, so that nothing is taken for a verdict', async () => {
    const found = (await gpgv.find()) ?? assert.fail();
    await gpgv.close();
    await assert.rejects(found.verify(MESSAGE, NO_KEYS), /gpgv is stopped/);
  });
});
