import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeFile } from 'node:fs/promises';
import { startBackground } from '../process/background.ts';
import { eventually } from '../eventually.ts';
import { run, type RunResult, runOrThrow } from '../process/run.ts';
import { useTemporary } from '../temporary.ts';
import { describeWith } from '../../with-tools.ts';
import { GIT_ENVIRONMENT, ObjectPack } from './object-pack.ts';
import {
  answerStatus,
  type Behaviour,
  breakOff,
  cutPack,
  drip,
  endlessPack,
  endlessRefs,
  forgedRefs,
  garbagePack,
  loginPage,
  lyingRefs,
  missingCommit,
  progressFlood,
  progressForEver,
  redirectTo,
  refuseWith,
  serveWell,
  silence,
  silenceAfterHead,
  SmartHttp,
  wrongContentType,
} from './smart-http.ts';

/** Of a client that is watched while it does not end by itself. Milliseconds. */
const WATCHED = 700;

describeWith(['git', 'git-http-backend'], 'the kit: a misbehaving git host', () => {
  const directory = useTemporary('suite');
  const target = useTemporary();
  let host: SmartHttp;
  let commit: string;
  before(async () => {
    const bare = join(directory(), 'signatures.git');
    await runOrThrow('git', ['init', '--quiet', '--bare', '--initial-branch=main', bare]);
    const pack = new ObjectPack();
    const noise = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 7919) % 251));
    commit = pack.commit(pack.tree(new Map([['noise', pack.blob(noise)]])));
    await pack.writeTo(bare);
    await runOrThrow('git', ['--git-dir', bare, 'update-ref', 'refs/heads/main', commit]);
    host = await SmartHttp.start(bare);
  });
  after(() => host.stop());

  const env = { ...GIT_ENVIRONMENT, GIT_TERMINAL_PROMPT: '0' };
  const fetchFrom = async (behaviour: Behaviour): Promise<RunResult> => {
    host.behave(behaviour);
    await runOrThrow('git', ['init', '--quiet', '--bare', target()]);
    const fetching = ['--git-dir', target(), 'fetch', '--progress', host.url, 'main:main'];
    return run('git', fetching, { env });
  };

  it('serves well', async () => {
    assert.equal((await fetchFrom(serveWell)).code, 0);
    const { stdout } = await runOrThrow('git', ['--git-dir', target(), 'rev-parse', 'main']);
    assert.equal(stdout.trim(), commit);
  });

  const failing: Readonly<Record<string, readonly [Behaviour, RegExp]>> = {
    'a flood of progress': [progressFlood(1_000_000), /enough/],
    'words that end it': [refuseWith('\u009b31m no \u202e'), /remote: no/],
    'a commit that nobody has': [
      missingCommit,
      /did not send all necessary objects|bad object|missing/i,
    ],
    'a pack of garbage': [garbagePack(100_000), /index-pack|unpack-objects|inflate|unpack/],
    'a pack that is cut': [cutPack(500), /early EOF|hung up|RPC failed|disconnect/],
    'a broken connection': [breakOff, /Empty reply|reset/i],
    'a status of 500': [answerStatus(500, 40_000), /error: 500/],
    'a wrong content type': [wrongContentType, /not valid|invalid|not found/],
    'a login page': [loginPage, /not valid|not found/],
    'a redirect to nowhere': [
      redirectTo('http://127.0.0.1:1/'),
      /unable to access|Failed to connect/,
    ],
  };
  for (const [title, [behaviour, words]] of Object.entries(failing)) {
    it(`makes git fail by ${title}`, async () => {
      const { code, stderr } = await fetchFrom(behaviour);
      assert.notEqual(code, 0);
      assert.match(stderr, words);
    });
  }

  const endless: Readonly<Record<string, Behaviour>> = {
    'progress for ever': progressForEver(20),
    'refs without an end': endlessRefs(),
    'a pack without an end': endlessPack(),
    'a byte now and then': drip(20),
    silence: silence,
    'silence after the head': silenceAfterHead,
  };
  for (const [title, behaviour] of Object.entries(endless)) {
    it(`keeps git by ${title}`, async () => {
      host.behave(behaviour);
      await runOrThrow('git', ['init', '--quiet', '--bare', target()]);
      const fetching = ['--git-dir', target(), 'fetch', host.url, 'main:main'];
      const client = await startBackground('git', fetching, { env });
      await sleep(WATCHED);
      assert.equal(client.exitCode(), undefined, client.stderr());
      await client.stop('SIGKILL');
      host.drop();
      await eventually(() => assert.equal(host.connections, 0));
    });
  }

  it('forges lines of the helper by the names of refs', async () => {
    const victim = join(target(), 'victim.keep');
    await writeFile(victim, '');
    await runOrThrow('git', ['init', '--quiet', '--bare', target()]);
    host.behave(lyingRefs(forgedRefs(commit, victim)));
    const input = `option verbosity 0\nlist\n`;
    const helper = [
      '--git-dir',
      target(),
      '-c',
      'protocol.version=0',
      'remote-http',
      host.url,
      host.url,
    ];
    const { stdout } = await run('git', helper, { env, input });
    assert.match(stdout, new RegExp(`^lock ${victim}$`, 'm'));
    assert.ok(existsSync(victim));
  });

  it('changes while a client is there', async () => {
    host.behave(silence);
    const asked = host.requests.length;
    const fetching = run('git', ['ls-remote', host.url], { env });
    await eventually(() => assert.ok(host.requests.length > asked, 'not yet'));
    host.behave(serveWell);
    const { stdout } = await runOrThrow('git', ['ls-remote', host.url], { env });
    assert.match(stdout, new RegExp(commit));
    host.drop();
    assert.notEqual((await fetching).code, 0);
  });
});
