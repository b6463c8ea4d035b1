import assert from 'node:assert/strict';
import { judgeStore } from '../../../../generator/nodes/check/inspect-store.ts';

const STORE = 'https://sig.example.com/team';

describe('generator: an address in registries.d', () => {
  for (const [text, wanted] of [
    [STORE, STORE],
    ['HTTPS://SIG.example.com:443/team', STORE],
    ['file:/srv/signatures/', 'file:///srv/signatures'],
    [`${STORE}?token=x`, `${STORE}?token=x`],
    ['https://me:pass@sig.example.com/team', 'https://me:pass@sig.example.com/team'],
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
  ] as const) {
    it(`is right as ${text}`, () => {
      assert.equal(judgeStore(text, wanted, 'quay.io'), undefined);
    });
  }

  for (const [text, code] of [
    [`${STORE}/`, 'trailing-slash'],
    [`${STORE}//`, 'trailing-slash'],
    ['http://sig.example.com/team', 'http-store'],
    ['http://sig.example.com/other', 'store-differs'],
    ['https://sig.example.com', 'store-differs'],
    ['https://sig.example.com/Team', 'store-differs'],
    [`${STORE}?token=x`, 'store-differs'],
    ['https://me@sig.example.com/team', 'store-differs'],
    ['https://quay.io', 'registry-as-store'],
    ['https://quay.io/', 'registry-as-store'],
    ['https://quay.io/sigs', 'store-differs'],
    ['sig.example.com/team', 'no-scheme'],
    ['sig.example.com:443', 'no-scheme'],
    ['/mnt/nfs/signatures', 'no-scheme'],
    ['//sig.example.com', 'no-scheme'],
    ['', 'no-scheme'],
    ['ftp://sig.example.com/team', 'unsupported-scheme'],
    [`${STORE}#here`, 'store-unusable'],
    ['https://', 'store-unusable'],
    ['https://sig.example.com/a/../team', 'store-unusable'],
    ['file://sig.example.com/team', 'store-unusable'],
  ] as const) {
    it(`is ${code} as ${text}`, () => {
      const fault = judgeStore(text, STORE, 'quay.io/team');
      assert.equal(fault?.code, code);
      assert.equal(fault.severity, 'fault');
      assert.ok(fault.message.startsWith(`expected "${STORE}", got "`));
    });
  }

  it('may be as it was asked for, and yet a mistake', () => {
    for (const [text, code] of [
      ['http://sig.example.com', 'http-store'],
      ['https://quay.io', 'registry-as-store'],
    ] as const) {
      const fault = judgeStore(text, text, 'quay.io/team');
      assert.deepEqual([fault?.code, fault?.severity], [code, 'warning']);
    }
  });

  it('is told without user and password', () => {
    const { message = '' } =
      judgeStore('https://me:pass@old.example.com/a@b', 'https://you:word@sig.example.com', '') ??
      {};
    assert.equal(
      message,
      'expected "https://…@sig.example.com", got "https://…@old.example.com/a@b"',
    );
  });
});
