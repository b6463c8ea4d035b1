import assert from 'node:assert/strict';
import { startBackground } from './background.ts';
import { takesConnections } from './takes-connections.ts';

const node = (script: string) => startBackground(process.execPath, ['-e', script]);

describe('the harness: background process', () => {
  it('tells of its lines and its exit code', async () => {
    const background = await node(
      `console.log('out 1'); console.error('err 2'); process.exitCode = 3`,
    );
    assert.equal((await background.waitForLine(/^err (\d)$/))[1], '2');
    assert.equal(await background.ended(), 3);
    assert.equal(background.stdout(), 'out 1\n');
  });

  it('says what was printed, when the line never comes', async () => {
    const background = await node(`console.error('cannot listen')`);
    await assert.rejects(background.waitForLine(/listening/), /no line like .*cannot listen/s);
  });

  it('kills what does not mind SIGTERM, and its children', async () => {
    const listener = `require('node:net').createServer()
      .listen(0, '127.0.0.1', function () { console.log('port', this.address().port); })`;
    const background = await node(`
      process.on('SIGTERM', () => {});
      const args = ['-e', ${JSON.stringify(listener)}];
      require('node:child_process').spawn(process.execPath, args, { stdio: 'inherit' });`);
    const [, port] = await background.waitForLine(/port (\d+)/);
    assert.equal(await takesConnections(Number(port)), true);
    assert.equal(await background.stop('SIGTERM', 100), null);
    assert.equal(await takesConnections(Number(port)), false);
  });

  it('throws when the command cannot start', async () => {
    await assert.rejects(startBackground('/nowhere', []), { code: 'ENOENT' });
  });
});
