// Helm's own checks, and what wrong values are told.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { OPTION_NAMES } from '../../cli/base/options.ts';
import { helm } from '../kit/kubernetes/kubernetes-tools.ts';
import { CHART, LEAST, YAML, renderText } from '../kit/kubernetes/render.ts';
import { runOrThrow } from '../kit/process/run.ts';
import { VALUE_SETS } from './value-sets.ts';

const hook = { secret: 'hook' };

/** What is given besides the least, and what is said of it. */
const REFUSALS: readonly (readonly [what: string, values: object, told: RegExp])[] = [
  // By values.schema.json.
  ['an unknown value', { replica: 4 }, /additional properties 'replica' not allowed/],
  ['an unknown value inside', { git: { tokn: {} } }, /at '\/git': additional properties 'tokn'/],
  ['a part with nothing in it', { config: null }, /missing property 'config'/],
  [
    'a part of a part with nothing in it',
    { git: { ca: null } },
    /at '\/git': missing property 'ca'/,
  ],
  ['a number as text', { replicas: '4' }, /at '\/replicas': got string, want integer/],
  ['no replica', { replicas: 0 }, /at '\/replicas': minimum: got 0, want 1/],
  ['no disk', { stateGiB: 0 }, /at '\/stateGiB': minimum: got 0, want 1/],
  [
    'a URL as host',
    { expose: { host: 'https://a.example' } },
    /at '\/expose\/host': 'https:\/\/a\.example' does not match pattern/,
  ],
  [
    'a kind that is none',
    { expose: { kind: 'ingress' } },
    /at '\/expose\/kind': value must be one of '', 'Ingress', 'Route', 'HTTPRoute'/,
  ],
  ['a Secret as a mapping', { tls: { secret: {} } }, /at '\/tls\/secret': got object, want string/],
  [
    'a private key among the public ones',
    { keys: { inline: { 'a.asc': '-----BEGIN PGP PRIVATE KEY BLOCK-----' } } },
    /at '\/keys\/inline\/a\.asc': .* does not match pattern '-----BEGIN PGP PUBLIC KEY BLOCK/,
  ],
  [
    'a key file with another ending',
    { keys: { inline: { 'a.txt': '-----BEGIN PGP PUBLIC KEY BLOCK-----' } } },
    /invalid propertyName 'a\.txt'\n.*does not match pattern .*\.asc/,
  ],
  [
    'a tag in the name of the image',
    { image: { repository: 'quay.io/team/lookaside:1' } },
    /at '\/image\/repository': 'quay\.io\/team\/lookaside:1' does not match/,
  ],
  ['a digest that is none', { image: { digest: 'latest' } }, /at '\/image\/digest': 'latest' does/],
  // By the schema of the configuration file.
  ['an unknown option', { config: { pol: '5m' } }, /at '\/config': additional properties 'pol'/],
  ['a duration without unit', { config: { poll: 5 } }, /at '\/config\/poll': /],
  ['a scope without keys', { config: { scopes: { 'a.example': {} } } }, /missing property 'keys'/],
  [
    'a scope that is no name',
    { config: { scopes: { 'https://a.example': { keys: 'keys/a.asc' } } } },
    /invalid propertyName 'https:\/\/a\.example'/,
  ],
  ['a path that leaves the repository', { config: { path: '../x' } }, /at '\/config\/path': 'not'/],
  // By the chart.
  ['no repository', { source: '' }, /source is missing: expected the git URL .* --set source=/],
  ['a repository that is an option', { source: '-x' }, /source: expected a git URL.*, got "-x"/],
  [
    'a password in the URL',
    { source: 'https://me:secret@git.example.com/a.git' },
    /source: expected a URL without user name and password.*git\.token\.secret/,
  ],
  ['no keys', { keys: { configMaps: [] } }, /keys are missing: .*--set 'keys\.configMaps=/],
  [
    'an option by environment',
    { extraEnv: [{ name: 'LOOKASIDE_POLL', value: '5m' }] },
    /extraEnv: LOOKASIDE_POLL is an option of the program: expected it in config/,
  ],
  [
    'a token for ssh',
    { source: 'git@git.example.com:a.git', git: { token: { secret: 'git' } } },
    /git\.token\.secret is for a source that begins with https:/,
  ],
  ['an ssh key for HTTPS', { git: { ssh: { secret: 'git' } } }, /git\.ssh\.secret is for a source/],
  [
    'two certificates',
    { tls: { secret: 'a', servingCertificate: true } },
    /tls\.secret and tls\.servingCertificate are both given/,
  ],
  [
    'a serving certificate elsewhere than on OpenShift',
    { tls: { servingCertificate: true } },
    /made by OpenShift, which this cluster is not/,
  ],
  [
    'receivers twice',
    { notify: { url: { secret: 'a' } }, config: { 'notify-url': 'https://a.example' } },
    /notify\.url\.secret and config\.notify-url are both given/,
  ],
  [
    'a secret to sign what nobody gets',
    { notify: { signing: { secret: 'a' } } },
    /notify\.signing\.secret .*expected notify\.url\.secret or config\.notify-url/,
  ],
  [
    'an audit log that goes with the pod',
    { config: { 'audit-log': '/var/lib/lookaside/audit.log' } },
    /config\.audit-log: expected '-'.* below one of extraVolumeMounts, got "\/var/,
  ],
  [
    'an audit log beside a volume',
    {
      config: { 'audit-log': '/audit-log' },
      extraVolumeMounts: [{ name: 'audit', mountPath: '/audit' }],
    },
    /config\.audit-log: expected '-'/,
  ],
  [
    'a name that no Service can have',
    { fullnameOverride: '1st' },
    /objects named "1st": expected fullnameOverride with small letters/,
  ],
  ['an Ingress without a name', { expose: { kind: 'Ingress' } }, /expose\.host is missing/],
  [
    'an HTTPRoute without a Gateway',
    { expose: { kind: 'HTTPRoute', host: 'a.example' } },
    /expose\.parentRefs is missing/,
  ],
  [
    'a certificate for a Route',
    { expose: { kind: 'Route', tlsSecret: 'a' } },
    /expose\.tlsSecret is for an Ingress/,
  ],
  [
    'HTTP to a program that speaks TLS',
    { expose: { kind: 'Route', termination: 'edge' }, tls: { secret: 'a' } },
    /termination is edge.*expected reencrypt or passthrough/,
  ],
  [
    'TLS to a program that speaks HTTP',
    { expose: { kind: 'Route', termination: 'reencrypt' } },
    /termination is reencrypt, for which the program needs a certificate/,
  ],
  [
    'an authority that is asked for nothing',
    { expose: { kind: 'Route', destinationCACertificate: '-----BEGIN CERTIFICATE-----' } },
    /destinationCACertificate is for the termination reencrypt/,
  ],
  [
    'a path behind a router that reads none',
    {
      expose: { kind: 'Route', termination: 'passthrough' },
      tls: { secret: 'a' },
      webhook: { ...hook, host: 'hooks.example' },
    },
    /webhook\.host needs a router that reads paths/,
  ],
  [
    'a name of the webhook that leads nowhere',
    { webhook: { ...hook, host: 'hooks.example' } },
    /webhook\.host needs expose\.kind/,
  ],
  [
    'a name of a webhook that there is not',
    { webhook: { host: 'hooks.example' }, expose: { kind: 'Route' } },
    /webhook\.host needs webhook\.secret/,
  ],
  [
    'a router of a webhook that has no name',
    { webhook: { ...hook, className: 'public' }, expose: { kind: 'Route' } },
    /webhook\.className is for webhook\.host, which is empty/,
  ],
  [
    'a certificate for the Route of the webhook',
    { webhook: { ...hook, host: 'hooks.example', tlsSecret: 'a' }, expose: { kind: 'Route' } },
    /webhook\.tlsSecret is for an Ingress/,
  ],
  [
    'one name twice',
    { webhook: { ...hook, host: 'a.example' }, expose: { kind: 'Route', host: 'a.example' } },
    /webhook\.host is that of the store/,
  ],
];

/** Options that are values of the chart, and what they would be. */
const OWNED = {
  source: 'https://git.example.com/other.git',
  'notify-secret-file': 'a',
  listen: ':1',
  'status-listen': ':1',
  'state-dir': 'a',
  'max-disk': '1GiB',
  'max-transfer': '1GiB',
  drain: '1s',
  'webhook-secret-file': 'a',
  'tls-cert': 'a',
  'tls-key': 'a',
  'git-token-file': 'a',
  'git-ssh-key-file': 'a',
  'git-known-hosts-file': 'a',
  'git-ca-file': 'a',
};

function isMapping(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function notes(values: object): Promise<string> {
  const args = ['install', '--dry-run=client', 'lookaside', CHART, '--values', '-'];
  const { code, stdout, stderr } = await helm(args, { input: stringify({ ...LEAST, ...values }) });
  assert.equal(code, 0, stderr);
  return stdout.slice(stdout.indexOf('NOTES:'));
}

describe('values of the chart', () => {
  for (const [name, { values = LEAST, apis = [] }] of Object.entries(VALUE_SETS)) {
    it(`leave helm lint nothing to say: ${name}`, async () => {
      // Lint has no --api-versions: it only tells of what the chart refuses for lack of them.
      const args = ['lint', '--strict', CHART, '--values', '-'];
      const { code, stdout, stderr } = await helm(args, { input: stringify(values, YAML) });
      assert.equal(code, 0, stdout);
      const isExpected = apis.length > 0 && /which this cluster is not/.test(stderr);
      if (!isExpected) assert.doesNotMatch(`${stdout}${stderr}`, /WARN|ERROR|fail"/, stderr);
    });
  }

  for (const [what, values, told] of REFUSALS) {
    it(`are refused with the rule and the cure: ${what}`, async () => {
      await assert.rejects(renderText({ values: { ...LEAST, ...values } }), told);
    });
  }

  it('are told all at once', async () => {
    const values = { source: '', keys: {}, webhook: { host: 'hooks.example' } };
    await assert.rejects(
      renderText({ values }),
      /source is missing.*\n- keys are missing.*\n- webhook\.host needs expose\.kind.*\n- webhook/,
    );
  });

  it('let the audit log lie on a volume', async () => {
    const audit = { name: 'audit', mountPath: '/audit/' };
    const config = { 'audit-log': '/audit/log' };
    await renderText({ values: { ...LEAST, config, extraVolumeMounts: [audit] } });
  });

  it('and no option of config do the same', async () => {
    await assert.rejects(
      renderText({ values: { ...LEAST, config: OWNED } }),
      ({ message }: Error) => {
        for (const name of Object.keys(OWNED)) {
          assert.ok(
            OPTION_NAMES.some((option) => option === name),
            name,
          );
          assert.match(
            message,
            new RegExp(`config\\.${name} is set by the chart: expected the value`),
          );
        }
        return true;
      },
    );
  });

  it('name every part whose lack would make Helm fail with a nil pointer', async () => {
    const defaults: unknown = parse(readFileSync(`${CHART}/values.yaml`, 'utf8'));
    const parts = Object.entries(z.record(z.string(), z.unknown()).parse(defaults)).filter(
      ([name, value]) => isMapping(value) && !(name in LEAST),
    );
    for (const [name] of parts) {
      const told = await renderText({ values: { ...LEAST, [name]: null } }).catch(
        ({ message }: Error) => message,
      );
      assert.doesNotMatch(told, /nil/, name);
    }
  });

  it('are all said in values.yaml', () => {
    const { properties } = z
      .looseObject({ properties: z.record(z.string(), z.unknown()) })
      .parse(JSON.parse(readFileSync(`${CHART}/values.schema.json`, 'utf8')));
    const text = readFileSync(`${CHART}/values.yaml`, 'utf8');
    const said = [...text.matchAll(/^([a-zA-Z]+):/gm)].map(([, name]) => name);
    const known = Object.keys(properties).filter((name) => name !== 'global');
    assert.deepEqual(new Set(said), new Set(known));
  });
});

describe('the notes of an installation', () => {
  it('say that the image is a placeholder, as long as it is', async () => {
    assert.match(await notes({}), /^FIRST: registry\.example\.com\/lookaside is a placeholder/m);
    const own = await notes({ image: { repository: 'quay.io/team/lookaside' } });
    assert.doesNotMatch(own, /placeholder/);
  });

  it('say that nodes reach nothing yet, and where they do', async () => {
    assert.match(await notes({}), /NODES CANNOT REACH THE STORE YET/);
    const expose = { kind: 'Route', host: 'lookaside.example.com' };
    const route = await notes({ expose, webhook: hook });
    assert.match(route, /Nodes find the store at https:\/\/lookaside\.example\.com\./);
    assert.match(route, /config\.trusted-proxies is not set/);
    assert.match(route, /https:\/\/lookaside\.example\.com\/webhook/);
  });

  it('warn of the scope that covers the store itself', async () => {
    assert.match(await notes({}), /Never let a scope of nodes cover the image of this store/);
  });
});

describe('what is made for deploy/ from other files', () => {
  it('is up to date', async () => {
    await runOrThrow(process.execPath, ['--import', 'tsx', 'scripts/update-chart.ts', '--check']);
  });
});
