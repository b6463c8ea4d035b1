// Deliveries of a push, byte for byte as each forge makes them: headers in their order and spelling, the
// JSON as its library writes it, the signature over what it signs. Written after their documentation, and
// after the source of those that are open: go-gitea/gitea:services/webhook/deliver.go and
// modules/structs/hook.go, Forgejo's services/webhook/shared/payloader.go,
// gogs/gogs:internal/database/webhook.go, gitlabhq/gitlabhq:app/services/web_hook_service.rb.
import { createHmac, randomUUID } from 'node:crypto';
import { sign } from '@octokit/webhooks-methods';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { open, readToEnd } from './raw-http.ts';

/** What is told of a push. */
export interface ToldPush {
  readonly secret: string;
  /** The name of the branch, without `refs/heads/`. */
  readonly branch: string;
  /** Undefined where the branch was deleted. */
  readonly commit: string | undefined;
}

export interface ForgeDelivery {
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
}

export const ZEROS = '0'.repeat(40);
const BEFORE = 'b'.repeat(40);
/** What has to survive JSON, forms and header encodings. */
const MESSAGE = 'Sign app:1.0 & lib~2 <é ✓> +100% *(it\'s) "ok"\n';
const JSON_TYPE = ['Content-Type', 'application/json'] as const;
const FORM_TYPE = ['Content-Type', 'application/x-www-form-urlencoded'] as const;

export function hmacOf(
  secret: string | Buffer,
  body: string | Buffer,
  algorithm = 'sha256',
): string {
  return createHmac(algorithm, secret).update(body).digest('hex');
}

function toGitPush({ branch, commit }: ToldPush) {
  const head = {
    id: commit ?? null,
    message: MESSAGE,
    author: { name: 'Ann', email: 'a@b.example' },
  };
  return {
    ref: `refs/heads/${branch}`,
    before: BEFORE,
    after: commit ?? ZEROS,
    commits: commit === undefined ? [] : [head],
    repository: { id: 7, full_name: 'team/signatures', default_branch: 'main' },
    pusher: { name: 'ann', email: 'a@b.example' },
  };
}

/** Go's encoding/json writes these characters so; Gitea and Gogs indent. */
function toGoJson(value: unknown): string {
  return JSON.stringify(value, undefined, 2).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** As Go's url.Values.Encode. */
function toGoForm(payload: string): string {
  const escaped = encodeURIComponent(payload).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `payload=${escaped.replaceAll('%20', '+')}`;
}

async function github(push: ToldPush, isForm: boolean): Promise<ForgeDelivery> {
  const json = JSON.stringify(toGitPush(push));
  const body = isForm ? new URLSearchParams({ payload: json }).toString() : json;
  return {
    body: Buffer.from(body),
    headers: [
      ['Accept', '*/*'],
      isForm ? FORM_TYPE : JSON_TYPE,
      ['User-Agent', 'GitHub-Hookshot/044aadd'],
      ['X-GitHub-Delivery', randomUUID()],
      ['X-GitHub-Event', 'push'],
      ['X-GitHub-Hook-ID', '292430182'],
      ['X-GitHub-Hook-Installation-Target-ID', '79929171'],
      ['X-GitHub-Hook-Installation-Target-Type', 'repository'],
      ['X-Hub-Signature', `sha1=${hmacOf(push.secret, body, 'sha1')}`],
      ['X-Hub-Signature-256', await sign(push.secret, body)],
    ],
  };
}

/** Gitea's headers and, with `names` before them, those of what was forked from it. */
function likeGitea(names: readonly string[], push: ToldPush, isForm: boolean): ForgeDelivery {
  const json = toGoJson(toGitPush(push));
  const signature = hmacOf(push.secret, json);
  const id = randomUUID();
  const named = names.flatMap((name): ForgeDelivery['headers'] => [
    [`X-${name}-Delivery`, id],
    [`X-${name}-Event`, 'push'],
    [`X-${name}-Event-Type`, 'push'],
    [`X-${name}-Signature`, signature],
  ]);
  return {
    body: Buffer.from(isForm ? toGoForm(json) : json),
    headers: [
      ['User-Agent', 'Go-http-client/1.1'],
      isForm ? FORM_TYPE : JSON_TYPE,
      ...named,
      ['X-Hub-Signature', `sha1=${hmacOf(push.secret, json, 'sha1')}`],
      ['X-Hub-Signature-256', `sha256=${signature}`],
      ['X-GitHub-Delivery', id],
      ['X-GitHub-Event', 'push'],
      ['X-GitHub-Event-Type', 'push'],
      ['Accept-Encoding', 'gzip'],
    ],
  };
}

function gogs(push: ToldPush, isForm: boolean): ForgeDelivery {
  const json = toGoJson(toGitPush(push));
  const id = randomUUID();
  return {
    body: Buffer.from(isForm ? toGoForm(json) : json),
    headers: [
      ['User-Agent', 'GogsServer'],
      isForm ? FORM_TYPE : JSON_TYPE,
      ['X-Github-Delivery', id],
      ['X-Github-Event', 'push'],
      ['X-Gogs-Delivery', id],
      ['X-Gogs-Event', 'push'],
      ['X-Gogs-Signature', hmacOf(push.secret, json)],
    ],
  };
}

/** What GitLab sends whatever the secret is used for. */
function gitlab(push: ToldPush, event = 'Push Hook'): ForgeDelivery {
  const { commit = null } = push;
  const payload = {
    object_kind: 'push',
    event_name: 'push',
    ...toGitPush(push),
    checkout_sha: commit,
  };
  return {
    body: Buffer.from(JSON.stringify(payload)),
    headers: [
      JSON_TYPE,
      ['User-Agent', 'GitLab/18.11.0'],
      ['Idempotency-Key', randomUUID()],
      ['X-Gitlab-Event', event],
      ['X-Gitlab-Event-UUID', randomUUID()],
      ['X-Gitlab-Instance', 'https://gitlab.example.com'],
      ['X-Gitlab-Webhook-UUID', randomUUID()],
    ],
  };
}

/** A system hook as the documentation of GitLab shows it: that of a push, or of an update as a whole. */
function gitlabSystem(push: ToldPush, event: 'push' | 'repository_update'): ForgeDelivery {
  const { ref, before, after } = toGitPush(push);
  const other = { before, after: 'e'.repeat(40), ref: 'refs/tags/v1' };
  const told =
    event === 'push'
      ? { before, after, ref, checkout_sha: push.commit ?? null }
      : { changes: [other, { before, after, ref }], refs: [other.ref, ref] };
  return {
    ...gitlab(push, 'System Hook'),
    body: Buffer.from(JSON.stringify({ event_name: event, ...told, user_id: 1 })),
  };
}

/** Adds what Standard Webhooks sign with; a secret that is no `whsec_` is the key itself. */
export function withStandard(
  { headers, body }: ForgeDelivery,
  secret: string,
  at = new Date(),
): ForgeDelivery {
  const id = `msg_${randomUUID()}`;
  const key = secret.startsWith('whsec_')
    ? new StandardWebhook(secret)
    : new StandardWebhook(Buffer.from(secret), { format: 'raw' });
  return {
    body,
    headers: [
      ...headers,
      ['webhook-id', id],
      ['webhook-timestamp', String(Math.floor(at.getTime() / 1000))],
      ['webhook-signature', key.sign(id, at, body.toString())],
    ],
  };
}

function bitbucketCloud({ secret, branch, commit }: ToldPush): ForgeDelivery {
  const old = { type: 'branch', name: branch, target: { type: 'commit', hash: BEFORE } };
  const now = {
    type: 'branch',
    name: branch,
    target: { type: 'commit', hash: commit, message: MESSAGE },
  };
  const tag = { type: 'tag', name: branch, target: { type: 'commit', hash: 'e'.repeat(40) } };
  const changes = [
    { new: tag, old: null, created: true, closed: false },
    commit === undefined
      ? { new: null, old, created: false, closed: true }
      : { new: now, old, created: false, closed: false, truncated: false },
  ];
  const body = JSON.stringify({ push: { changes }, repository: { full_name: 'team/signatures' } });
  return {
    body: Buffer.from(body),
    headers: [
      ['User-Agent', 'Bitbucket-Webhooks/2.0'],
      JSON_TYPE,
      ['X-Event-Key', 'repo:push'],
      ['X-Hook-UUID', randomUUID()],
      ['X-Request-UUID', randomUUID()],
      ['X-Attempt-Number', '1'],
      ['X-Hub-Signature', `sha256=${hmacOf(secret, body)}`],
    ],
  };
}

function bitbucketDataCenter({ secret, branch, commit = ZEROS }: ToldPush): ForgeDelivery {
  const change = (name: string, toHash: string) => ({
    ref: { id: `refs/heads/${name}`, displayId: name, type: 'BRANCH' },
    refId: `refs/heads/${name}`,
    fromHash: BEFORE,
    toHash,
    type: toHash === ZEROS ? 'DELETE' : 'UPDATE',
  });
  const body = JSON.stringify({
    eventKey: 'repo:refs_changed',
    date: '2026-03-01T10:37:14+0100',
    repository: { slug: 'signatures', project: { key: 'TEAM' } },
    changes: [change('feature/wip', 'e'.repeat(40)), change(branch, commit)],
  });
  return {
    body: Buffer.from(body),
    headers: [
      ['X-Request-Id', randomUUID()],
      ['X-Event-Key', 'repo:refs_changed'],
      ['X-Hub-Signature', `sha256=${hmacOf(secret, body)}`],
      ['Content-Type', 'application/json; charset=utf-8'],
      ['User-Agent', 'Atlassian HttpClient 4.0.0 / Bitbucket-8.19.4 (8019004) / Default'],
    ],
  };
}

function azure({ secret, branch, commit = ZEROS }: ToldPush): ForgeDelivery {
  const body = JSON.stringify({
    subscriptionId: randomUUID(),
    notificationId: 3,
    id: randomUUID(),
    eventType: 'git.push',
    publisherId: 'tfs',
    message: { text: MESSAGE },
    resource: {
      commits: [],
      refUpdates: [{ name: `refs/heads/${branch}`, oldObjectId: BEFORE, newObjectId: commit }],
      repository: { name: 'signatures', defaultBranch: 'refs/heads/main' },
    },
    resourceVersion: '1.0',
  });
  return {
    body: Buffer.from(body),
    headers: [
      ['Content-Type', 'application/json; charset=utf-8'],
      ['Authorization', `Basic ${Buffer.from(`lookaside:${secret}`).toString('base64')}`],
      ['User-Agent', 'VSServices/19.250.36403.1 (TfsJobAgent.exe)'],
    ],
  };
}

/** A pipeline that signs by itself. */
function generic({ secret }: ToldPush): ForgeDelivery {
  const body = Buffer.from('ref=whatever\n');
  return { body, headers: [['X-Signature', `sha256=${hmacOf(secret, body)}`]] };
}

type MakeDelivery = (push: ToldPush) => ForgeDelivery | Promise<ForgeDelivery>;

/** How each forge tells of a push, with the name that metrics have for it. */
export const FORGE_DELIVERIES: Readonly<
  Record<string, readonly [forge: string, make: MakeDelivery]>
> = {
  GitHub: ['github', async (push) => github(push, false)],
  'GitHub, as a form': ['github', async (push) => github(push, true)],
  Forgejo: ['forgejo', (push) => likeGitea(['Forgejo', 'Gitea', 'Gogs'], push, false)],
  'Forgejo, as a form': ['forgejo', (push) => likeGitea(['Forgejo', 'Gitea', 'Gogs'], push, true)],
  Gitea: ['gitea', (push) => likeGitea(['Gitea', 'Gogs'], push, false)],
  'Gitea, as a form': ['gitea', (push) => likeGitea(['Gitea', 'Gogs'], push, true)],
  Gogs: ['gogs', (push) => gogs(push, false)],
  'Gogs, as a form': ['gogs', (push) => gogs(push, true)],
  'GitLab, token': ['gitlab', (push) => withToken(gitlab(push), push.secret)],
  'GitLab, token, system hook': [
    'gitlab',
    (push) => withToken(gitlab(push, 'System Hook'), push.secret),
  ],
  'GitLab, token, system hook by the documentation': [
    'gitlab',
    (push) => withToken(gitlabSystem(push, 'push'), push.secret),
  ],
  'GitLab, signing token, repository update': [
    'gitlab',
    (push) => withStandard(gitlabSystem(push, 'repository_update'), push.secret),
  ],
  'GitLab, signing token': ['gitlab', (push) => withStandard(gitlab(push), push.secret)],
  'GitLab, both': [
    'gitlab',
    (push) => withToken(withStandard(gitlab(push), push.secret), 'another'),
  ],
  'Bitbucket Cloud': ['bitbucket', bitbucketCloud],
  'Bitbucket Data Center': ['bitbucket', bitbucketDataCenter],
  'Azure DevOps': ['azure', azure],
  'a pipeline with X-Signature': ['generic', generic],
  'a pipeline with Standard Webhooks': [
    'generic',
    (push) => withStandard({ headers: [], body: Buffer.from('{"type": "signed"}') }, push.secret),
  ],
};

function withToken({ headers, body }: ForgeDelivery, token: string): ForgeDelivery {
  return { body, headers: [...headers, ['X-Gitlab-Token', token]] };
}

/** Sends it; gives the status and the text of the answer. */
export async function sendDelivery(
  url: string,
  { headers, body }: ForgeDelivery,
): Promise<{ readonly status: number; readonly text: string }> {
  const lines = [
    'POST /webhook HTTP/1.1',
    'Host: lookaside.example.com',
    // A secret goes out as it is.
    ...headers.map(([name, value]) => `${name}: ${Buffer.from(value).toString('latin1')}`),
    `Content-Length: ${body.length}`,
    'Connection: close',
  ];
  const socket = await open(url);
  const text = readToEnd(socket);
  socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  socket.write(body);
  const answer = await text;
  socket.destroy();
  return {
    status: Number(/^HTTP\/1\.1 ([0-9]{3}) /.exec(answer)?.[1]),
    text: answer.slice(answer.indexOf('\r\n\r\n') + 4),
  };
}
