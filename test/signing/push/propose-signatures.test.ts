import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { json } from 'node:stream/consumers';
import {
  PushWorld,
  type SignedImage,
  blobOf,
  installHook,
  randomDigest,
  stage,
} from '../../kit/push/push-world.ts';
import { runGitBackend } from '../../kit/remote/git-backend.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

interface Document {
  readonly proposal?: {
    readonly branch?: string;
    readonly link?: string;
    readonly isOpen: boolean;
    readonly isEarlier?: boolean;
  };
  readonly signatures: readonly { readonly status: string; readonly path: string }[];
}

describeWith(['git', 'git-http-backend', 'gpg', 'gpgv'], 'a proposal of signatures', () => {
  const directory = useTemporary();
  let world: PushWorld;
  let restore: () => Promise<void>;
  before(async () => {
    world = await PushWorld.make();
    restore = await world.remote.remember();
  });
  after(() => world.stop());
  beforeEach(async () => restore());

  const log = (): string => join(directory(), 'options');
  let count = 0;
  async function propose(
    images: readonly SignedImage[],
    args: readonly string[] = [],
    to = world.remote.fileUrl,
  ): Promise<Document> {
    const staging = join(directory(), `staging-${count++}`);
    await stage(staging, images);
    const all = ['--pull-request', '--format', 'json', ...args];
    const { code, stdout, stderr } = await world.push([staging], all, { to });
    assert.equal(code, 0, stderr + stdout);
    return JSON.parse(stdout) as Document;
  }

  it('can be merged with any others, in any order, and nothing is lost', async () => {
    const digests = [randomDigest(), randomDigest()];
    const sign = async (index: number): Promise<SignedImage> =>
      world.sign({ digest: digests[index % 2] ?? '', tag: `v${index}` });
    const images = await Promise.all(Array.from({ length: 9 }, async (_, index) => sign(index)));
    // The third is in two of them, as when a run is repeated.
    const batches = [images.slice(0, 3), images.slice(2, 5), images.slice(5, 8)];
    const branches: string[] = [];
    for (const batch of batches) {
      const { proposal, signatures } = await propose(batch);
      assert.match(proposal?.branch ?? '', /^lookaside\/[0-9a-f]{16}$/);
      for (const { path } of signatures) assert.match(path, /\/signature-[1-9][0-9]{8}$/);
      branches.push(proposal?.branch ?? '');
    }
    assert.equal((await world.signatures()).size, 0);
    // Somebody pushes to the branch meanwhile.
    const staging = join(directory(), 'direct');
    await stage(staging, images.slice(8));
    assert.equal((await world.push([staging])).code, 0);

    const expected = images.map(({ bytes }) => blobOf(bytes)).toSorted();
    const { git, gitBare } = world.remote;
    await git('fetch', '--quiet', 'origin');
    for (const order of permutations(branches)) {
      await git('reset', '--hard', '--quiet', 'origin/main');
      for (const branch of order) await git('merge', '--quiet', '--no-edit', `origin/${branch}`);
      const listed = await git('ls-tree', '-r', 'HEAD');
      const blobs = [...listed.matchAll(/blob (\S+)\t.*@sha256=/g)].map(([, id = '']) => id);
      assert.deepEqual(blobs.toSorted(), expected);
    }
    assert.equal(await gitBare('rev-list', '--count', 'main'), '2');
  });

  it('takes the next number where other bytes have it', async () => {
    const image = await world.sign();
    const first = await propose([image]);
    const [{ path } = { path: '' }] = first.signatures;
    await world.remote.publish({ [path]: 'other bytes' });
    await world.remote.gitBare('branch', '-D', first.proposal?.branch ?? '');
    const second = await propose([image]);
    const numbers = [first, second].map(({ signatures }) =>
      Number(/\d+$/.exec(signatures[0]?.path ?? '')?.[0]),
    );
    assert.equal(numbers[1], (numbers[0] ?? 0) + 1);
  });

  it('has what is not there, and is none where all is', async () => {
    const image = await world.sign();
    const staging = join(directory(), 'direct');
    await stage(staging, [image]);
    await world.push([staging]);
    const both = await propose([image, await world.sign({ digest: image.digest, tag: 'v2' })]);
    assert.deepEqual(
      both.signatures.map(({ status }) => status),
      ['there', 'new'],
    );
    await world.remote.gitBare('branch', '-D', both.proposal?.branch ?? '');
    const { proposal, signatures } = await propose([image]);
    assert.equal(proposal, undefined);
    assert.equal(signatures[0]?.status, 'there');
    assert.equal(await world.remote.gitBare('branch', '--list', 'lookaside/*'), '');
  });

  it('is made once for the same signatures, and once more for others', async () => {
    const digest = randomDigest();
    const image = await world.sign({ digest });
    const staged = join(directory(), `staging-${count}`);
    const first = await propose([image]);
    const again = [image, await world.sign({ digest, creator: 'another program' })];
    for (const one of again) {
      const second = await propose([one], ['--clear']);
      assert.deepEqual(second.proposal, { ...first.proposal, isEarlier: true });
      assert.deepEqual(
        second.signatures.map(({ status }) => status),
        ['proposed'],
      );
    }
    assert.equal(
      (await readdir(`${directory()}/staging-${count - 1}`, { recursive: true })).length,
      3,
    );
    const branches = async (): Promise<number> =>
      (await world.remote.gitBare('branch', '--list', 'lookaside/*')).split('\n').length;
    assert.equal(await branches(), 1);
    const other = await world.sign({ digest, tag: 'v2' });
    const both = await propose([image, other]);
    assert.equal(both.proposal?.isEarlier, undefined);
    assert.equal(await branches(), 2);

    const { code, stdout } = await world.push([staged], ['--pull-request']);
    assert.equal(code, 0);
    assert.match(stdout, /: proposed already: /);
    assert.match(stdout, /^nothing was pushed to .*: 1 proposed already$/m);
    assert.match(
      stdout,
      /^the branch lookaside\/[0-9a-f]{16} is there already; open or look at the request to merge it into main: at the git host$/m,
    );
  });

  it('is one where the same is proposed twice at the same time', async () => {
    const image = await world.sign();
    const both = await Promise.all([propose([image]), propose([image])]);
    const branches = await world.remote.gitBare('branch', '--list', 'lookaside/*');
    const expected = both.map(() => branches.trim());
    assert.deepEqual(
      both.map(({ proposal }) => proposal?.branch),
      expected,
    );
  });

  describe('is opened', () => {
    const LINK = 'https://git.example/team/signatures/pulls/1';

    /** A host that prints a link, as all do, and notes the options of the push. */
    async function beHost(): Promise<void> {
      const { remote } = world;
      await remote.gitBare('config', 'receive.advertisePushOptions', 'true');
      const hook = join(remote.path, 'hooks/pre-receive');
      await mkdir(dirname(hook), { recursive: true });
      const script = [
        '#!/bin/sh',
        'read old new ref',
        `echo "$ref" > '${log()}'`,
        'n=0',
        'while [ "$n" -lt "$GIT_PUSH_OPTION_COUNT" ]; do',
        `  eval 'echo "$GIT_PUSH_OPTION_'$n'"' >> '${log()}'`,
        '  n=$((n + 1))',
        'done',
        `echo 'Welcome to https://git.example/' >&2`,
        `echo 'View the request:' >&2`,
        `echo '   ${LINK}' >&2`,
        '',
      ];
      await writeFile(hook, script.join('\n'));
      await chmod(hook, 0o755);
    }

    it('on GitLab by push options', async () => {
      await beHost();
      const image = await world.sign();
      const { proposal } = await propose([image], ['--forge', 'gitlab']);
      assert.deepEqual(proposal, { branch: proposal?.branch, link: LINK, isOpen: true });
      const [ref, ...options] = (await readFile(log(), 'utf8')).trimEnd().split('\n');
      assert.equal(ref, `refs/heads/${proposal?.branch}`);
      const fingerprint = world.key.fingerprint;
      assert.deepEqual(options, [
        'merge_request.create',
        'merge_request.target=main',
        'merge_request.title=Sign registry.example/team/app:v1',
        `merge_request.description=registry.example/team/app:v1 ${image.digest} by ${fingerprint}`,
        'merge_request.remove_source_branch',
      ]);
    });

    it('on GitLab once, and its link is told again', async () => {
      await beHost();
      await world.remote.gitBare('config', 'http.receivepack', 'true');
      const { url } = await world.remote.serveHttp();
      const image = await world.sign();
      const { proposal } = await propose([image], ['--forge', 'gitlab'], url);
      const again = await propose([image], ['--forge', 'gitlab'], url);
      const { origin } = new URL(url);
      const branch = encodeURIComponent(proposal?.branch ?? '');
      const link = `${origin}/signatures/-/merge_requests?source_branch=${branch}`;
      // Nobody has asked whether it is open: it may be merged, or never was.
      assert.deepEqual(again.proposal, { ...proposal, link, isOpen: false, isEarlier: true });
      const staged = join(directory(), `staging-${count - 1}`);
      const args = ['--pull-request', '--forge', 'gitlab'];
      const { stdout } = await world.push([staged], args, { to: url });
      const last = stdout.trimEnd().split('\n').at(-1);
      assert.equal(
        last,
        `the branch ${proposal?.branch} is there already; open or look at the request to merge it into main: ${link}`,
      );
    });

    for (const [forge, page] of [
      ['gitlab', /^\/signatures\/-\/merge_requests\?source_branch=lookaside%2F[0-9a-f]{16}$/],
      ['gitea', /^\/signatures\/pulls$/],
    ] as const) {
      it(`on ${forge} at a link, also where the host names none`, async () => {
        const { gitBare, serveHttp } = world.remote;
        await gitBare('config', 'receive.advertisePushOptions', 'true');
        await gitBare('config', 'http.receivepack', 'true');
        const { url } = await serveHttp();
        const { proposal } = await propose([await world.sign()], ['--forge', forge], url);
        const { origin, pathname, search } = new URL(proposal?.link ?? '');
        assert.equal(origin, new URL(url).origin);
        assert.match(`${pathname}${search}`, page);
        assert.equal(proposal?.isOpen, true);
      });
    }

    it('on Gitea once, which refuses another one with the same topic', async () => {
      const { remote } = world;
      await remote.gitBare('config', 'receive.advertisePushOptions', 'true');
      await remote.gitBare('config', 'http.receivepack', 'true');
      await remote.gitBare('config', 'receive.procReceiveRefs', 'refs/for');
      // As git-receive-pack(1) has it, in lines with their lengths in front.
      const reason = 'ng refs/for/main request `force-push` push option';
      await installHook(
        remote.path,
        'proc-receive',
        `printf '001aversion=1\\000push-options0000%04x%s0000' ${reason.length + 4} '${reason}'; cat >/dev/null`,
      );
      const { url } = await remote.serveHttp();
      const again = await propose([await world.sign()], ['--forge', 'gitea'], url);
      const link = `${new URL(url).origin}/signatures/pulls`;
      assert.deepEqual(again.proposal, { link, isOpen: true, isEarlier: true });
      assert.equal(again.signatures[0]?.status, 'proposed');
    });

    it('on Gitea by a topic', async () => {
      await beHost();
      const { proposal } = await propose([await world.sign()], ['--forge', 'gitea']);
      assert.deepEqual(proposal, { link: LINK, isOpen: true });
      const [ref, topic, title] = (await readFile(log(), 'utf8')).split('\n');
      assert.equal(ref, 'refs/for/main');
      assert.match(topic ?? '', /^topic=lookaside\//);
      assert.equal(title, 'title=Sign registry.example/team/app:v1');
    });

    it('by a person, at the link, where a host takes no push options', async () => {
      await beHost();
      await world.remote.gitBare('config', 'receive.advertisePushOptions', 'false');
      for (const forge of ['gitlab', 'gitea', 'github']) {
        const image = await world.sign({ tag: forge });
        const { proposal } = await propose([image], ['--forge', forge]);
        assert.deepEqual(proposal, { branch: proposal?.branch, link: LINK, isOpen: false }, forge);
      }
    });

    it('on GitHub by its API', async () => {
      const token = join(directory(), 'token');
      await writeFile(token, 's3cret\n');
      await using host = await serveGithub(world.remote.path);
      await world.remote.gitBare('config', 'http.receivepack', 'true');
      const args = ['--forge', 'github', '--git-token-file', token];
      const { proposal } = await propose([await world.sign()], args, host.url);
      const link = 'https://github.example/pull/7';
      assert.deepEqual(proposal, { branch: proposal?.branch, link, isOpen: true });
      const [request] = host.requests;
      assert.equal(request?.path, '/api/v3/repos/signatures/pulls');
      assert.equal(request.authorization, 'Bearer s3cret');
      const { head, base, title } = request.body as Record<string, string>;
      assert.deepEqual(
        { head, base, title },
        { head: proposal?.branch, base: 'main', title: 'Sign registry.example/team/app:v1' },
      );
    });

    it('on GitHub once, where it is found open', async () => {
      const token = join(directory(), 'token');
      await writeFile(token, 's3cret\n');
      await using host = await serveGithub(world.remote.path);
      await world.remote.gitBare('config', 'http.receivepack', 'true');
      const args = ['--forge', 'github', '--git-token-file', token];
      const image = await world.sign();
      const { proposal } = await propose([image], [], host.url);
      // Pushed without the token, nobody has opened it yet.
      for (const method of ['POST', 'none']) {
        const again = await propose([image], args, host.url);
        const link = 'https://github.example/pull/7';
        assert.deepEqual(again.proposal, { ...proposal, link, isOpen: true, isEarlier: true });
        const [asked, opened] = host.requests.splice(0);
        assert.equal(asked?.method, 'GET');
        assert.match(
          asked.path,
          /\/pulls\?state=open&head=signatures%3Alookaside%2F[0-9a-f]{16}&base=main$/,
        );
        assert.equal(opened?.method ?? 'none', method);
      }
    });

    const TOKENS: readonly (readonly [title: string, to: string, text: string | null, RegExp])[] = [
      ['that is missing', 'git@github.com:org/s.git', null, /--git-token-file: ENOENT/],
      ['that is empty', 'git@github.com:org/s.git', '\n', /--git-token-file: \S+ is empty/],
      [
        'below an empty line',
        'git@github.com:org/s.git',
        '\ns3cret\n',
        /--git-token-file: the first line of \S+ is empty/,
      ],
      [
        'for a host that perhaps only ssh knows',
        'git@github.work:org/s.git',
        's3cret\n',
        /expected the https:\/\/ address of the repository, got git@github\.work:org\/s\.git/,
      ],
    ];
    for (const [title, to, text, message] of TOKENS) {
      it(`not with a token ${title}, which is told before anything is pushed`, async () => {
        const token = join(directory(), 'token');
        if (text !== null) await writeFile(token, text);
        const staging = join(directory(), 'staging');
        await stage(staging, [await world.sign()]);
        const args = ['--pull-request', '--git-token-file', token];
        const env = { GIT_SSH_COMMAND: 'echo ssh was started >&2; exit 1; :' };
        const { code, stderr } = await world.push([staging], args, { to, env });
        assert.equal(code, 2);
        assert.match(stderr, message);
        assert.match(stderr, /\nhint: /);
        assert.doesNotMatch(stderr, /ssh was started/);
      });
    }

    it('by a person, where GitHub refuses, which is told', async () => {
      const token = join(directory(), 'token');
      await writeFile(token, 'wrong\n');
      await using host = await serveGithub(world.remote.path);
      await world.remote.gitBare('config', 'http.receivepack', 'true');
      const staging = join(directory(), 'staging');
      await stage(staging, [await world.sign()]);
      const args = ['--pull-request', '--forge', 'github', '--git-token-file', token];
      const { code, stdout, stderr } = await world.push([staging], args, { to: host.url });
      assert.equal(code, 2);
      assert.equal(stdout, '');
      assert.match(
        stderr,
        /no pull request could be opened for lookaside\/\S+: 401 Bad credentials/,
      );
      assert.match(
        stderr,
        /hint: .*open the request by hand: http:\S+\/compare\/main\.\.\.lookaside/,
      );
      assert.doesNotMatch(stderr, /wrong/);
      assert.match(await world.remote.gitBare('branch', '--list', 'lookaside/*'), /lookaside/);
    });
  });
});

interface ApiRequest {
  readonly method: string | undefined;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: unknown;
}

/** Git over http, and GitHub's API beside it, for one good token. */
async function serveGithub(repository: string) {
  const requests: ApiRequest[] = [];
  let isOpen = false;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { url = '' } = request;
    if (!url.startsWith('/api/')) {
      runGitBackend(dirname(repository), request, response);
      return;
    }
    const { authorization } = request.headers;
    const { method } = request;
    const isGood = authorization === 'Bearer s3cret';
    const pull = { html_url: 'https://github.example/pull/7' };
    if (method === 'GET') {
      requests.push({ method, path: url, authorization, body: undefined });
      response.writeHead(isGood ? 200 : 401).end(JSON.stringify(isOpen ? [pull] : []));
      return;
    }
    requests.push({ method, path: url, authorization, body: await json(request) });
    isOpen ||= isGood;
    response.writeHead(isGood ? 201 : 401, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(isGood ? pull : { message: 'Bad credentials' }));
  };
  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/signatures.git`,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function permutations<Item>(items: readonly Item[]): readonly (readonly Item[])[] {
  if (items.length < 2) return [items];
  return items.flatMap((item, index) =>
    permutations(items.filter((_, at) => at !== index)).map((rest) => [item].concat(rest)),
  );
}
