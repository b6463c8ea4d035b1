import assert from 'node:assert/strict';
import { createOpenMessage } from '../../../generator/openpgp/open-message.ts';
import { readKeyring } from '../../../generator/openpgp/read-keyring.ts';
import { isRejection } from '../../../generator/terms/rejection.ts';
import { Gpg } from '../../../signing/sign/gpg.ts';
import { runOrThrow } from '../../kit/process/run.ts';
import { makeSigner, type Signer } from '../../kit/signer/signer.ts';
import { TOKEN_TOOLS, type Token, makeToken } from '../../kit/signer/token.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

describeWith(TOKEN_TOOLS, 'gpg signs with a key on a token', () => {
  const directory = useTemporary('suite');
  let signer: Signer;
  let token: Token;
  before(async () => {
    signer = await makeSigner();
    token = await makeToken(signer, directory());
  });
  after(() => signer.stop());

  const open = (): Gpg =>
    new Gpg({
      program: 'gpg',
      environment: {
        PATH: process.env['PATH'],
        GNUPGHOME: signer.home,
        LC_ALL: 'C',
        ...token.environment,
      },
      passphrase: undefined,
      ending: new AbortController().signal,
    });

  it('for which its agent asks the PIN', async () => {
    const gpg = open();
    const key = await gpg.findKey(token.fingerprint);
    const payload = Buffer.from('a payload');
    const message = await gpg.sign(payload, key);
    const keyring = await readKeyring([{ path: 'exported', bytes: await gpg.exportKey(key) }]);
    const opened = await createOpenMessage(undefined)(message, keyring, new Date());
    assert.ok(!isRejection(opened), JSON.stringify(opened));
    assert.deepEqual(Buffer.from(opened.untrustedPayload), payload);
    assert.equal(opened.signer?.fingerprint, token.fingerprint);
  });

  it('and says so where the PIN is wrong', async () => {
    await token.answer('999999');
    await runOrThrow('gpgconf', ['--homedir', signer.home, '--kill', 'all']);
    const gpg = open();
    await assert.rejects(gpg.sign(Buffer.from('x'), await gpg.findKey(token.fingerprint)), {
      name: 'SigningError',
      message: 'the token refuses the PIN for the private key of Token',
      hint: 'see how many tries are left with `gpg --card-status` before you try again',
    });
  });
});
