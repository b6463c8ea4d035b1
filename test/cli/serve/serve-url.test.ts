import assert from 'node:assert/strict';
import { readBlocks } from '../../kit/browser/page-blocks.ts';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { useLookaside } from '../../kit/program/use-lookaside.ts';

describe('lookaside serve --url', () => {
  const servers = useLookaside();
  const directory = useTemporary();

  it('is the address that the page shows', async () => {
    const url = 'https://sigs.example/store';
    const { baseUrl } = await servers.start(directory(), ['--url', `${url}/`]);
    const page = await (await fetch(baseUrl)).text();
    assert.match(readBlocks(page).get('registries.d section') ?? '', /lookaside: https:\/\/sigs/);
    assert.ok(page.includes(`${url}/NAMESPACE/NAME@sha256=HEX/signature-1`));
    assert.ok(!page.includes(baseUrl));
  });

  const refused: Readonly<Record<string, RegExp>> = {
    'sigs.example': /^lookaside: --url: expected an https:\/\/ address of a store, got "sigs/,
    'https://sigs.example/#top': /^lookaside: --url: expected no fragment/,
    'file:///srv/signatures': /^lookaside: --url: expected an address of this server, got file:/,
    'https://me:secret@sigs.example':
      /^lookaside: --url: expected no password, as the landing page/,
    'https://sigs.example/p?token=secret':
      /^lookaside: --url: expected no query, as the landing page/,
  };
  for (const [url, message] of Object.entries(refused)) {
    it(`does not start with ${url}`, async () => {
      const { code, stdout, stderr } = await runLookaside(['serve', directory(), '--url', url]);
      assert.equal(code, 2);
      assert.equal(stdout, '');
      assert.match(stderr, message);
      assert.match(stderr, /\nhint: give \S/);
      assert.doesNotMatch(stderr, /secret/);
    });
  }
});
