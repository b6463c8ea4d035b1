import assert from 'node:assert/strict';
import { explainListenError } from '../../../cli/serve/explain-listen-error.ts';
import { hintOf, messageOf } from '../../../generator/terms/errors.ts';
import { ListenError } from '../../../server/listen/listeners.ts';

function fail(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`listen ${code}: what the system says`), { code });
}

const settings = {
  listen: { host: '', port: 8080 },
  'status-listen': { host: '::1', port: 9090 },
};

describe('what is said where a server cannot listen', () => {
  it('names the programs that often have a port', () => {
    const busy = explainListenError(new ListenError('status', fail('EADDRINUSE')), settings);
    assert.equal(
      messageOf(busy),
      'cannot listen on [::1]:9090 (--status-listen): the port is in use (EADDRINUSE)',
    );
    assert.equal(
      hintOf(busy),
      "see who has it with: ss -ltnp 'sport = :9090'; it is often Cockpit (cockpit.socket), or Prometheus, or choose another with --status-listen",
    );
  });

  it('is what the system says of anything else', () => {
    const failed = explainListenError(new ListenError('store', fail('EMFILE')), settings);
    assert.equal(
      messageOf(failed),
      'cannot listen on :8080 (--listen): listen EMFILE: what the system says',
    );
    assert.equal(hintOf(failed), 'choose another with --listen');
    const other = new Error('not about listening');
    assert.equal(explainListenError(other, settings), other);
  });
});
