// Puts together what tells other programs of what happens here.
import type { Source } from '../../generator/sources/source.ts';
import type { Failures } from '../troubles/failures.ts';
import type { AuditTarget } from './audit-file.ts';
import { AuditLog } from './audit-log.ts';
import { EventCounts } from './event-counts.ts';
import { Events } from './events.ts';
import { EventReceiver, type EventReceiverOptions } from './event-receiver.ts';
import { toSourceUri } from './source-uri.ts';

/** Who is told, and as whom. */
export interface EventSettings {
  /** Each gets every event. */
  readonly receivers: readonly URL[];
  /** Where the audit log goes; undefined for nowhere. */
  readonly auditTarget: AuditTarget | undefined;
  /** The published subtree; '' for the whole. */
  readonly path: string;
  /** The name of this host or pod. */
  readonly replica: string;
}

/** What events tell of, and who is told where they do not get through. */
export interface EventServices extends Pick<
  EventReceiverOptions,
  'secrets' | 'troubles' | 'log' | 'now' | 'elapsed'
> {
  readonly source: Pick<Source, 'kind' | 'location' | 'branch'>;
  /** Where nodes find the store; undefined if that is not configured. */
  readonly url: { readonly base: string } | undefined;
  /** Of this program. */
  readonly version: string;
  readonly failures: Pick<Failures, 'note'>;
}

/** Undefined where nobody wants to be told. */
export function createEvents(
  settings: EventSettings | undefined,
  { source, url: store, version, failures, ...services }: EventServices,
): Events | undefined {
  if (!settings) return undefined;
  const { receivers, auditTarget, path, replica } = settings;
  const name = toSourceUri(source);
  const counts = new EventCounts();
  const shared = { ...services, counts, userAgent: `lookaside/${version}` };
  const { troubles, log, now } = services;
  return new Events({
    origin: { source: name, branch: source.branch, path, store: store?.base, replica },
    counts,
    failures,
    receivers: receivers.map((url) => new EventReceiver({ ...shared, url })),
    auditLog:
      auditTarget && new AuditLog({ target: auditTarget, source: name, troubles, log, now }),
  });
}
