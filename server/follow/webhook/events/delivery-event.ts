// What a delivery tells of, by what its forge says in the headers and in the JSON.
import { z } from 'zod';
import type { DistinctHeaders } from '../proofs/find-proof.ts';
import type { WebhookForge } from '../proofs/webhook-forges.ts';
import {
  type ReadPush,
  readAzurePush,
  readCloudPush,
  readDataCenterPush,
  readGitPush,
  readRepositoryUpdate,
} from './pushes.ts';

/** Of no use here. */
export interface OtherEvent {
  readonly kind: 'other';
  readonly name: string;
}

/** What the headers tell. */
export type DeliveryEvent =
  | OtherEvent
  /** A test of the connection. */
  | { readonly kind: 'ping' }
  /** From somebody who says no more than that: look again. */
  | { readonly kind: 'any' }
  /** The JSON tells the rest. */
  | { readonly kind: 'payload'; readonly read: ReadPush<OtherEvent> };

interface EventNames {
  /** The header with the name of the event; undefined where the JSON has it. */
  readonly header?: string;
  /** Headers with the name of the delivery, for the log. */
  readonly deliveries: readonly string[];
  readonly events: ReadonlyMap<string | undefined, DeliveryEvent>;
}

const TEST_OF_BITBUCKET = 'diagnostics:ping';
const PING: DeliveryEvent = { kind: 'ping' };
const GIT_PUSH: DeliveryEvent = { kind: 'payload', read: readGitPush };

/** GitHub's names, behind the name of a forge. */
function likeGithub(forge: string): EventNames {
  const events = new Map([
    ['push', GIT_PUSH],
    ['ping', PING],
  ]);
  return { header: `x-${forge}-event`, deliveries: [`x-${forge}-delivery`], events };
}

const FORGE_EVENTS: Readonly<Record<WebhookForge, EventNames>> = {
  github: likeGithub('github'),
  forgejo: likeGithub('forgejo'),
  gitea: likeGithub('gitea'),
  gogs: likeGithub('gogs'),
  gitlab: {
    header: 'x-gitlab-event',
    deliveries: ['x-gitlab-event-uuid'],
    events: new Map([
      ['Push Hook', GIT_PUSH],
      ['System Hook', { kind: 'payload', read: readSystemHook }],
    ]),
  },
  bitbucket: {
    header: 'x-event-key',
    // The first one is that of Bitbucket Cloud.
    deliveries: ['x-request-uuid', 'x-request-id'],
    events: new Map<string, DeliveryEvent>([
      ['repo:push', { kind: 'payload', read: readCloudPush }],
      ['repo:refs_changed', { kind: 'payload', read: readDataCenterPush }],
      [TEST_OF_BITBUCKET, PING],
    ]),
  },
  azure: {
    deliveries: [],
    events: new Map([[undefined, { kind: 'payload', read: readAzureEvent }]]),
  },
  generic: { deliveries: ['webhook-id'], events: new Map([[undefined, { kind: 'any' }]]) },
};

export function readDeliveryEvent(forge: WebhookForge, headers: DistinctHeaders): DeliveryEvent {
  const { header, events } = FORGE_EVENTS[forge];
  const name = header === undefined ? undefined : headers[header]?.join(', ');
  return events.get(name) ?? { kind: 'other', name: name ?? 'none' };
}

/** The name of a delivery; empty if it has none. */
export function readDeliveryName(forge: WebhookForge, headers: DistinctHeaders): string {
  const values = FORGE_EVENTS[forge].deliveries.map((header) => headers[header]?.join(', '));
  return values.find((value) => value !== undefined) ?? '';
}

/**
 * Whether somebody has pressed "Test connection" of Bitbucket Data Center, which signs all deliveries
 * but this one (seen in runatlantis/atlantis, issue 474).
 */
export function isTestOfBitbucket(headers: DistinctHeaders): boolean {
  return headers['x-event-key']?.join(', ') === TEST_OF_BITBUCKET;
}

const systemHook = z.object({
  object_kind: z.string().optional(),
  event_name: z.string().optional(),
});

/**
 * Of all projects of a GitLab; the header tells only that it is one. By its documentation
 * (gitlabhq/gitlabhq:doc/administration/system_hooks.md) not every push has an `object_kind`.
 */
function readSystemHook(payload: unknown): ReturnType<ReadPush<OtherEvent>> {
  const { success, data } = systemHook.safeParse(payload);
  if (!success) return undefined;
  const { event_name: event = 'none', object_kind: name = event } = data;
  if (name === 'push') return readGitPush(payload);
  return name === 'repository_update' ? readRepositoryUpdate(payload) : { kind: 'other', name };
}

const azureEvent = z.object({ eventType: z.string().default('none') });

function readAzureEvent(payload: unknown): ReturnType<ReadPush<OtherEvent>> {
  const { success, data } = azureEvent.safeParse(payload);
  if (!success) return undefined;
  const { eventType: name } = data;
  return name === 'git.push' ? readAzurePush(payload) : { kind: 'other', name };
}
