// What is said of files that shall let git in, before git is started.
import assert from 'node:assert/strict';
import { chmod, chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runOrThrow } from '../kit/process/run.ts';
import { runLookaside } from '../kit/program/lookaside.ts';
import { EXAMPLE } from '../kit/server/example-server.ts';
import { useTemporary } from '../kit/temporary.ts';
import { makeCertificate } from '../kit/web/certificate-files.ts';
import { describeWith } from '../with-tools.ts';

/** Nobody answers there, and nobody is asked. */
const SSH = 'ssh://git@127.0.0.1:1/x.git';
const HTTPS = 'https://127.0.0.1:1/x.git';

describeWith(['git', 'sshd', 'openssl'], 'files that let git in', () => {
  const directory = useTemporary('suite');
  const at = (name: string): string => join(directory(), name);
  const write = async (name: string, text: string | Buffer, mode = 0o600): Promise<void> =>
    writeFile(at(name), text, { mode });

  before(async () => {
    const make = async (name: string, passphrase: string): Promise<string> => {
      const words = ['-q', '-t', 'ed25519', '-N', passphrase, '-f', at(name)];
      await runOrThrow('ssh-keygen', words);
      return readFile(at(name), 'latin1');
    };
    const key = await make('key', '');
    await make('locked', 'secret');
    await write('carriage', key.replaceAll('\n', '\r\n'));
    await write('unended', key.trimEnd());
    await write('garbage', 'hello\n');
    await write('empty', '');
    await write('comment', '# nothing yet\n\n');
    await write('known', `git.example ${await readFile(at('key.pub'), 'latin1')}`);
    await write('group', key, 0o640);
    await mkdir(at('directory'));
    const { cert } = await makeCertificate(directory());
    const pem = await readFile(cert, 'latin1');
    await write('cut.pem', `${pem}${pem.replace(/^.*\n(?=-----END)/m, '')}`);
    await runOrThrow('openssl', ['x509', '-in', cert, '-outform', 'der', '-out', at('ca.der')]);
  });

  const FAULTS: readonly (readonly [
    source: string,
    option: string,
    name: string,
    message: RegExp,
    hint: RegExp,
  ])[] = [
    [SSH, 'git-ssh-key-file', 'none', /cannot read .*none: ENOENT/, /check the path/],
    [SSH, 'git-ssh-key-file', 'directory', /EISDIR/, /check the path/],
    [SSH, 'git-ssh-key-file', 'empty', /empty is empty$/m, /ssh-keygen -t ed25519/],
    [SSH, 'git-ssh-key-file', 'garbage', /garbage is no private key$/m, /ssh-keygen/],
    [SSH, 'git-ssh-key-file', 'key.pub', /key\.pub is a public key$/m, /without \.pub/],
    [SSH, 'git-ssh-key-file', 'locked', /locked has a passphrase/, /ssh-keygen -p -f FILE/],
    [SSH, 'git-ssh-key-file', 'carriage', /no plain newline behind each line/, /carriage return/],
    [SSH, 'git-ssh-key-file', 'unended', /no plain newline behind each line/, /the last one too/],
    [SSH, 'git-ssh-key-file', 'group', /may be read by others \(mode 0640\)/, /chmod 600 .*group/],
    [SSH, 'git-ssh-key-file', 'a"b', /ssh takes no path with a quote/, /rename the file/],
    [SSH, 'git-known-hosts-file', 'none', /cannot read .*none: ENOENT/, /check the path/],
    [SSH, 'git-known-hosts-file', 'empty', /empty is empty, so no host could/, /ssh-keyscan HOST/],
    [SSH, 'git-known-hosts-file', 'comment', /no line HOST TYPE KEY/, /ssh-keyscan HOST/],
    [SSH, 'git-known-hosts-file', 'key.pub', /no line HOST TYPE KEY/, /ssh-keyscan HOST/],
    [HTTPS, 'git-ca-file', 'none', /cannot read .*none: ENOENT/, /check the path/],
    [HTTPS, 'git-ca-file', 'empty', /empty is empty$/m, /-----BEGIN CERTIFICATE-----/],
    [HTTPS, 'git-ca-file', 'garbage', /has no certificate in PEM$/m, /BEGIN CERTIFICATE/],
    [HTTPS, 'git-ca-file', 'ca.der', /has no certificate in PEM$/m, /openssl x509 -inform der/],
    [HTTPS, 'git-ca-file', 'cut.pem', /certificate 2 cannot be read/, /copy it again, whole/],
    [HTTPS, 'git-ssh-key-file', 'key', /is for ssh sources, got another one/, /leave it out/],
    [HTTPS, 'git-known-hosts-file', 'known', /is for ssh sources/, /leave it out/],
    [SSH, 'git-ca-file', 'cert.pem', /is for https:\/\/ sources/, /leave it out/],
    [HTTPS, 'git-user', 'x', /goes with a token, and there is none/, /--git-token-file/],
  ];
  for (const [source, option, name, message, hint] of FAULTS) {
    for (const words of [
      ['check', source],
      ['push', EXAMPLE, '--to', source],
    ]) {
      it(`${words[0]}: --${option} ${name}: ${message.source}`, async () => {
        const value = option === 'git-user' ? name : at(name);
        const { code, stderr } = await runLookaside([...words, `--${option}`, value]);
        assert.equal(code, 2);
        assert.match(stderr, new RegExp(`^lookaside: --${option}\\b`));
        assert.match(stderr, message);
        assert.match(stderr, /\nhint: /);
        assert.match(stderr.slice(stderr.indexOf('\nhint: ')), hint);
      });
    }
  }

  it('name the variable or the member of the configuration that has them', async () => {
    const env = { LOOKASIDE_GIT_SSH_KEY_FILE: at('none'), SSH_AUTH_SOCK: undefined };
    const { code, stderr } = await runLookaside(['check', SSH], { env });
    assert.deepEqual([code, /--git-ssh-key-file: cannot read/.test(stderr)], [2, true], stderr);
    await write('config.yaml', 'git-ca-file: none\n');
    const configured = await runLookaside(['check', HTTPS, '--config', at('config.yaml')]);
    assert.ok(configured.stderr.includes(at('none')), configured.stderr);
  });

  it('are for other runs where they come from the environment and have no use', async () => {
    const env = {
      LOOKASIDE_GIT_SSH_KEY_FILE: at('none'),
      LOOKASIDE_GIT_CA_FILE: at('none'),
      LOOKASIDE_GIT_USER: 'x',
    };
    await mkdir(at('store'));
    const { code, stderr } = await runLookaside(['check', at('store')], { env });
    assert.equal(code, 0, stderr);
  });

  // Only root can give files away.
  const isRoot = process.geteuid?.() === 0;
  (isRoot ? it : it.skip)(
    'may be read by others where they belong to somebody else, as ssh has it',
    async () => {
      await write('mounted', await readFile(at('key')), 0o440);
      await chown(at('mounted'), 65_534, 65_534);
      await chmod(at('mounted'), 0o440);
      const args = ['check', SSH, '--git-ssh-key-file', at('mounted')];
      const { stderr } = await runLookaside(args);
      assert.match(stderr, /Connection refused/);
    },
  );
});
