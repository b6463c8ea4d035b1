import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { type Policy, createSimplePolicy } from '../../../generator/policy/policy.ts';
import { parseStoreUrl } from '../../../generator/nodes/store-url.ts';
import { eventually } from '../../kit/eventually.ts';
import { keyringOf } from '../../kit/samples/samples.ts';
import { type ExampleServer, TWICE, startExample } from '../../kit/server/example-server.ts';
import { readBlocks } from '../../kit/browser/page-blocks.ts';
import { type RawAnswer, ask, headerOf, parseAnswers, sendRaw } from '../../kit/web/raw-http.ts';
import { BLUE, RED, fingerprintOf, policyOf, signedBy } from './policies.ts';

async function get(
  server: ExampleServer,
  host: string,
  target = '/',
  more = '',
): Promise<RawAnswer> {
  const request = `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${more}Connection: close\r\n\r\n`;
  const [answer] = parseAnswers(await sendRaw(server.url, request), ['GET']);
  assert.ok(answer);
  return answer;
}

function tags(html: string): readonly string[] {
  return html.match(/<[^>]*>/g) ?? [];
}

describe('the page for people, and its files', () => {
  let server: ExampleServer;
  before('start', async () => {
    const both = [await signedBy([RED]), await signedBy([BLUE])];
    const policy = await policyOf({ 'quay.io/team': both, '': [await signedBy([RED, BLUE])] });
    server = await startExample({ policy });
  });
  after('stop', async () => server.stop());

  it('serves the page to whoever asks', async () => {
    const answer = await get(server, 'sigs.example:8080');
    assert.equal(answer.status, 200);
    assert.equal(headerOf(answer, 'Content-Type'), 'text/html; charset=utf-8');
    assert.equal(headerOf(answer, 'Cache-Control'), 'no-store');
    assert.match(answer.body, /lookaside: http:\/\/sigs\.example:8080\n/);
  });

  it('allows its own style and script, and nothing else', async () => {
    const answer = await get(server, 'x');
    const hashOf = (element: string): string => {
      const [, content = ''] =
        new RegExp(`<${element}>([^]*)</${element}>`).exec(answer.body) ?? [];
      return `'sha256-${createHash('sha256').update(content).digest('base64')}'`;
    };
    assert.equal(
      headerOf(answer, 'Content-Security-Policy'),
      `default-src 'none';style-src ${hashOf('style')};script-src ${hashOf('script')};` +
        "img-src data:;form-action 'self';base-uri 'none';frame-ancestors 'none'",
    );
    assert.equal(headerOf(answer, 'X-Content-Type-Options'), 'nosniff');
    assert.equal(headerOf(answer, 'Strict-Transport-Security'), undefined);
    assert.equal(headerOf(answer, 'X-Powered-By'), undefined);
  });

  it('asks for nothing from anywhere', async () => {
    const { body } = await get(server, 'x');
    const markup = body.replace(/<(style|script)>[^]*?<\/\1>/g, '');
    assert.doesNotMatch(
      markup,
      /\s(?:src|style|on\w+)\s*=|href="(?!#|nodes\/|data:)|action="(?!\.\/#)/i,
    );
    assert.doesNotMatch(body, /url\(|@import/);
  });

  it('answers HEAD without a body', async () => {
    for (const path of ['/', '/nodes/policy.json', '/nodes/registries.d.yaml']) {
      const answer = await ask(server.url, 'HEAD', path);
      assert.deepEqual([answer.status, answer.body], [200, ''], path);
      assert.notEqual(headerOf(answer, 'Content-Length') ?? '0', '0');
    }
  });

  it('refuses other methods, and names what is allowed', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE']) {
      for (const path of ['/', '/nodes/policy.json']) {
        const answer = await ask(server.url, method, path);
        assert.deepEqual([answer.status, answer.body], [405, '']);
        assert.equal(headerOf(answer, 'Allow'), 'GET, HEAD, OPTIONS');
      }
    }
  });

  const contentTypes = {
    'nodes/policy.json': 'application/json; charset=utf-8',
    'nodes/registries.d.yaml': 'application/yaml',
    'nodes/registries.d-default.yaml': 'application/yaml',
    'nodes/keys/lookaside.asc': 'application/pgp-keys',
  };
  for (const [path, contentType] of Object.entries(contentTypes)) {
    it(`serves /${path}, not to be kept or taken for anything else`, async () => {
      const answer = await ask(server.url, 'GET', `/${path}`);
      assert.equal(answer.status, 200);
      assert.equal(headerOf(answer, 'Content-Type'), contentType);
      assert.equal(headerOf(answer, 'Cache-Control'), 'no-store');
      assert.equal(headerOf(answer, 'X-Content-Type-Options'), 'nosniff');
    });
  }

  it('serves each key by its fingerprint in upper case, and links to it', async () => {
    const { body } = await get(server, 'x');
    for (const name of [RED, BLUE]) {
      const fingerprint = await fingerprintOf(name);
      assert.ok(body.includes(`href="nodes/keys/${fingerprint}.asc"`));
      const answer = await ask(server.url, 'GET', `/nodes/keys/${fingerprint}.asc`);
      assert.match(answer.body, /^-----BEGIN PGP PUBLIC KEY BLOCK-----/);
      const lower = `/nodes/keys/${fingerprint.toLowerCase()}.asc`;
      assert.equal((await ask(server.url, 'GET', lower)).status, 404);
    }
  });

  const unknown = [
    '/nodes',
    '/nodes/',
    '/nodes/policy.json/',
    '/nodes/POLICY.json',
    '/nodes/keys/',
    '/nodes/keys/0000000000000000000000000000000000000000.asc',
    '/nodes/keys/../policy.json',
    '/nodes/keys/%2e%2e/policy.json',
    '/nodes//policy.json',
    '/nodes/policy%2Ejson',
    '/nodes/__proto__',
    '/nodes/keys/lookaside.asc%00',
  ];
  for (const path of unknown) {
    it(`knows nothing of ${path}`, async () => {
      const answer = await ask(server.url, 'GET', path);
      assert.deepEqual([answer.status, answer.body], [404, '']);
      assert.equal(headerOf(answer, 'Cache-Control'), 'no-store');
    });
  }

  const hosts = [
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    'a</pre><base href=//evil.example>',
    '&lt;script&gt;',
    "$(reboot)';reboot;'",
    'a b\tc',
    '\xff\xfe',
  ];
  for (const host of hosts) {
    it(`is not changed by the host ${JSON.stringify(host)}`, async () => {
      const nameless = await get(server, '');
      const { body } = await get(server, host);
      assert.deepEqual(tags(body), tags(nameless.body));
      assert.ok(!body.includes(host));
      assert.match(body, /lookaside: https:\/\/this-host\n/);
    });
  }

  it('does not believe that a proxy speaks TLS', async () => {
    const more = 'X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\n';
    const { body } = await get(server, 'x', '/', more);
    assert.match(body, /lookaside: http:\/\/x\n/);
  });

  it('makes pages for a few addresses a minute, and then none that names a made-up one', async () => {
    // A page for an address that was asked for before is there, or is made.
    const known = async (): Promise<string> => (await get(server, 'known.example')).body;
    const isKnown = /lookaside: http:\/\/known\.example\n/.test(await known());
    let named = 0;
    for (let index = 0; index < 60; index++) {
      const { body } = await get(server, `made-up-${index}`);
      if (body.includes(`lookaside: http://made-up-${index}\n`)) named++;
      else assert.match(body, /lookaside: https:\/\/this-host\n/);
      if (isKnown) assert.match(await known(), /lookaside: http:\/\/known\.example\n/);
    }
    // A new minute may have begun.
    assert.ok(named <= 32, `${named} pages were made`);
    // The files that nodes install are right for whatever is asked.
    const { body } = await get(server, 'made-up-60', '/nodes/registries.d.yaml');
    assert.match(body, /lookaside: http:\/\/made-up-60\n/);
  });

  it('remembers addresses, but not without end', async () => {
    for (let index = 0; index < 40; index++) {
      const { body } = await get(server, `host-${index % 20}`, '/nodes/registries.d.yaml');
      assert.match(body, new RegExp(`lookaside: http://host-${index % 20}\n`));
    }
  });
});

describe('the page for people', () => {
  let server: ExampleServer | undefined;
  afterEach('stop', async () => {
    await server?.stop();
    server = undefined;
  });

  it('names the configured address, with its path and query', async () => {
    const url = parseStoreUrl('https://sigs.example/store/?token=a&b');
    server = await startExample({
      url,
      policy: await policyOf({ 'r.io': [await signedBy([RED])] }),
    });
    const { body } = await get(server, 'evil.example');
    assert.ok(body.includes('lookaside: https://sigs.example/store?token=a&#38;b'));
    assert.ok(body.includes('https://sigs.example/store/nodes/policy.json?token=a&#38;b'));
    assert.ok(!body.includes('evil.example'));
  });

  it('believes a trusted proxy that speaks TLS, but no other host', async () => {
    server = await startExample({ trustedProxies: ['loopback'] });
    const more = 'X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\n';
    assert.match((await get(server, 'x', '/', more)).body, /lookaside: https:\/\/x\n/);
    const odd = await get(server, 'x', '/', 'X-Forwarded-Proto: javascript\r\n');
    assert.match(odd.body, /lookaside: http:\/\/x\n/);
  });

  it('asks for which images, before it offers a policy, and hands out one for these alone', async () => {
    server = await startExample({ policy: await createSimplePolicy(await keyringOf(RED)) });
    const { url } = server;
    const askFor = async (scope: string) => {
      const answer = await fetch(`${url}/?${new URLSearchParams({ scope })}`);
      return { status: answer.status, blocks: readBlocks(await answer.text()) };
    };
    const whole = readBlocks(await (await fetch(url)).text());
    assert.equal(whole.has('commands that require signatures'), false);
    const { status, blocks } = await askFor('docker.io/rancher, r.example/team');
    assert.equal(status, 200);
    const commands = [...blocks.values()].join('\n');
    const files = new Map<string, string>();
    for (const [address, path = ''] of commands.matchAll(/http:[^']*\/(nodes\/[^']*)/g)) {
      const answer = await fetch(address);
      assert.equal(answer.status, 200, address);
      files.set(path, await answer.text());
    }
    const base = 'nodes/scopes/docker.io/rancher,r.example/team';
    const policy: unknown = JSON.parse(files.get(`${base}/policy.json`) ?? '');
    const keys = {
      type: 'signedBy',
      keyType: 'GPGKeys',
      keyPath: '/etc/pki/containers/lookaside.asc',
    };
    assert.deepEqual(policy, {
      default: [{ type: 'insecureAcceptAnything' }],
      transports: {
        docker: { 'docker.io/rancher': [keys], 'r.example/team': [keys] },
        'docker-daemon': { '': [{ type: 'insecureAcceptAnything' }] },
      },
    });
    assert.match(files.get(`${base}/registries.d.yaml`) ?? '', /^ {2}r\.example\/team:$/m);
    assert.match(files.get('nodes/keys/lookaside.asc') ?? '', /PUBLIC KEY BLOCK/);
    assert.doesNotMatch(commands, /default\.yaml/);
  });

  it('says on which platforms a scope would stop the own images of the platform', async () => {
    server = await startExample({ policy: await createSimplePolicy(await keyringOf(RED)) });
    const { url } = server;
    const askFor = async (scope: string) => (await fetch(`${url}/?scope=${scope}`)).text();
    assert.match(
      await askFor('quay.io'),
      /nodes of these platforms stop pulling them[^]*OpenShift/,
    );
    assert.match(await askFor('registry.redhat.io/rhel9'), /OpenShift/);
    assert.doesNotMatch(await askFor('quay.io/team'), /OpenShift/);
    const whole = await (await fetch(url)).text();
    assert.match(whole, /Require signatures of all images[^]*OpenShift[^]*registry\.redhat\.io/);
    const all = readBlocks(whole).get('commands for all images') ?? '';
    for (const file of ['registries.d/default.yaml', 'policy.json']) {
      assert.ok(all.includes(`cp -p /etc/containers/${file} /etc/containers/${file}.before`), file);
    }
  });

  it('says of a scope what is wrong with it', async () => {
    const policy = await policyOf({ 'r.example/team': [await signedBy([RED])] });
    server = await startExample({ policy });
    for (const [scope, status, said] of [
      ['Team', 400, /Expected HOST, HOST\/NAMESPACE, .* it has no host/],
      ['https://r.example', 400, /leave out the scheme/],
      [' , ', 400, /Write at least one registry/],
      ['a.b,c.d,e.f,g.h,i.j,k.l,m.n,o.p,q.r', 400, /at most 8/],
      ['other.example', 404, /no keys for images of other\.example/],
      ['r.example/team/app', 200, /Set up a node for <code>r\.example\/team\/app/],
    ] as const) {
      const answer: Response = await fetch(`${server.url}/?${new URLSearchParams({ scope })}`);
      assert.equal(answer.status, status, scope);
      assert.match(await answer.text(), said);
      const file: Response = await fetch(`${server.url}/nodes/scopes/${scope}/policy.json`);
      assert.equal(file.status, status === 200 ? 200 : 404, scope);
    }
  });

  it('leaves images outside the scopes alone, unless it is asked for them', async () => {
    const policy = await policyOf({
      'quay.io/team': [await signedBy([RED])],
      '': [await signedBy([BLUE])],
    });
    server = await startExample({ policy });
    const blocks = readBlocks(await (await fetch(server.url)).text());
    assert.doesNotMatch(
      ['name the store', 'require signatures']
        .map((one) => blocks.get(`commands that ${one}`))
        .join(),
      /default\.yaml|nodes\/policy\.json/,
    );
    const way: unknown = await (await fetch(`${server.url}/nodes/scopes/policy.json`)).json();
    assert.deepEqual(
      Object.keys(
        z.object({ transports: z.object({ docker: z.looseObject({}) }) }).parse(way).transports
          .docker,
      ),
      ['quay.io/team'],
    );
  });

  it('tells how to sign, and where operators look, but not at which address', async () => {
    server = await startExample({ policy: await createSimplePolicy(await keyringOf(RED)) });
    const page = await (await fetch(server.url)).text();
    const blocks = readBlocks(page);
    assert.match(blocks.get('commands that sign with lookaside') ?? '', /^lookaside sign .* --to /);
    assert.match(
      blocks.get('commands that sign with skopeo') ?? '',
      /skopeo copy .*\nlookaside push /,
    );
    assert.match(page, /serve --status-listen/);
    assert.ok(!page.includes(new URL(server.statusUrl).port));
    assert.ok(!page.includes(server.directory));
  });

  it('follows the policy', async () => {
    server = await startExample();
    const { url } = server;
    assert.equal((await ask(url, 'GET', '/nodes/policy.json')).status, 404);
    for (const name of [RED, BLUE]) {
      const policy = await createSimplePolicy(await keyringOf(name));
      server.reload({ policy });
      const fingerprint = await fingerprintOf(name);
      await eventually(async () => {
        assert.ok((await ask(url, 'GET', '/')).body.includes(fingerprint));
        assert.equal((await ask(url, 'GET', `/nodes/keys/${fingerprint}.asc`)).status, 200);
      });
    }
    const gone = `/nodes/keys/${await fingerprintOf(RED)}.asc`;
    assert.equal((await ask(url, 'GET', gone)).status, 404);
  });

  it('works out what nodes need once for a policy, whatever hosts are asked', async () => {
    const policy = await policyOf({ 'r.io': [await signedBy([RED])] });
    let reads = 0;
    const counted: Policy = {
      ...policy,
      get scopes() {
        reads += 1;
        return policy.scopes;
      },
    };
    server = await startExample({ policy: counted });
    await get(server, 'first');
    const once = reads;
    assert.ok(once > 0);
    for (const path of ['/', '/nodes/none', '/nodes/registries.d.yaml', '/nodes/policy.json']) {
      for (const host of ['second', 'third']) await get(server, host, path);
    }
    assert.equal(reads, once);
  });

  it('takes no location away, even of a repository of that name', async () => {
    server = await startExample();
    const { url, directory, files } = server;
    const moved = `nodes/${TWICE}`;
    await mkdir(join(directory, dirname(moved)), { recursive: true });
    await rename(join(directory, TWICE), join(directory, moved));
    const bytes = files.get(`${TWICE}/signature-1`)?.toString('latin1');
    await eventually(async () => {
      const answer = await ask(url, 'GET', `/${moved}/signature-1`);
      assert.deepEqual([answer.status, answer.body], [200, bytes]);
    });
    const unsigned = `/${TWICE.replace('team/app', 'nodes/policy.json')}/signature-1`;
    assert.equal((await ask(url, 'POST', unsigned)).status, 405);
    server.accessLog.take();
    assert.equal((await ask(url, 'GET', unsigned)).status, 404);
    assert.equal(server.accessLog.take().length, 1);
  });
});
