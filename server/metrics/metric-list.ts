// All our metrics, with their labels. Dashboards and alerts rely on the names.

export interface MetricDescription {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  /** The name of its label, or the names of all. */
  readonly label?: string | readonly string[];
  readonly help: string;
}

export const METRICS = {
  lookaside_lookups_total: {
    kind: 'counter',
    label: 'outcome',
    help: 'Lookups, by what became of them',
  },
  lookaside_lookup_duration_seconds: {
    kind: 'histogram',
    help: 'Time to answer a lookup, without the network',
  },
  lookaside_broken_requests_total: {
    kind: 'counter',
    label: 'reason',
    help: 'Requests to the store that could not be understood: malformed, too-large, too-slow, or of another protocol: proxy-header, tls, not-tls or http2',
  },
  lookaside_signatures: { kind: 'gauge', help: 'Signatures that are served' },
  lookaside_lost_signatures: {
    kind: 'gauge',
    help: 'Signatures that changes of the source have taken away from images that are still there, or with most images: until they are back, acknowledged, or a day has gone by',
  },
  lookaside_lost_signatures_ratio: {
    kind: 'gauge',
    help: 'Their share of what would be served with them, from 0 to 1',
  },
  lookaside_lost_signatures_total: {
    kind: 'counter',
    help: 'Signatures that were taken away so since the start',
  },
  lookaside_repositories: { kind: 'gauge', help: 'Repositories that have signatures' },
  lookaside_rejected_files: {
    kind: 'gauge',
    label: 'code',
    help: 'Files that are not served because of a fault, by rejection code',
  },
  lookaside_refused_images: {
    kind: 'gauge',
    help: 'Images that nodes asked for in the last seven days and that still have no signature, as far as they could be remembered',
  },
  lookaside_newly_refused_images_total: {
    kind: 'counter',
    help: 'Images without a signature that nodes asked for and that were not remembered yet',
  },
  lookaside_refresh_total: {
    kind: 'counter',
    label: 'result',
    help: 'Refreshes, by result: changed, unchanged, refused or failed',
  },
  lookaside_refresh_duration_seconds: { kind: 'histogram', help: 'Time that a refresh took' },
  lookaside_last_refresh_success_timestamp_seconds: {
    kind: 'gauge',
    help: 'When a refresh last ended that neither failed nor was refused; 0 before the first',
  },
  lookaside_trouble: {
    kind: 'gauge',
    label: 'kind',
    help: 'Whether the server has a trouble of this kind: 1 while it lasts, else 0',
  },
  lookaside_last_reload_success_timestamp_seconds: {
    kind: 'gauge',
    help: 'When the kind of files was last read successfully that has not been read for longest: at the start, on SIGHUP, or after a change',
  },
  lookaside_config_last_reload_successful: {
    kind: 'gauge',
    label: 'files',
    help: 'Whether files could be used when they were last read: 1 or 0, for policy (a policy file, and keys: those that cannot be used are counted by lookaside_unusable_key_files), webhook-secret, notify-secret and tls, as far as they are configured',
  },
  lookaside_config_last_reload_success_timestamp_seconds: {
    kind: 'gauge',
    label: 'files',
    help: 'When files were last read successfully, by the same kinds',
  },
  lookaside_tls_certificate_expiry_timestamp_seconds: {
    kind: 'gauge',
    help: 'When the TLS certificate expires that is served; left out without TLS',
  },
  lookaside_background_failures_total: {
    kind: 'counter',
    help: 'Unexpected failures of anything but lookups',
  },
  lookaside_webhook_deliveries_total: {
    kind: 'counter',
    label: ['forge', 'result'],
    help: 'Deliveries of the webhook, by the git host that their proof tells of (github, forgejo, gitea, gogs, gitlab, bitbucket, azure, generic, or unknown without one), and by result: accepted, ignored, ping, unauthorized, too-large, too-slow, busy or invalid',
  },
  lookaside_peer_deliveries_total: {
    kind: 'counter',
    label: 'result',
    help: 'Pushes passed on to peers, by result: delivered, failed (no answer, or that of a fault, in all tries), refused, replaced by a newer push, skipped (the name has too many addresses), or unresolved (it has none)',
  },
  lookaside_resolved_images_total: {
    kind: 'counter',
    label: 'verdict',
    help: 'Answers of /resolve.json about images, by verdict: resolved, refused or unknown',
  },
  lookaside_manifest_questions_total: {
    kind: 'counter',
    label: 'result',
    help: 'Manifests that were asked for to tell lists of platforms from their instances, by result: learnt, missing (the registry does not have it), unknown (no file has it) or failed; left out with --manifests never',
  },
  lookaside_peers: {
    kind: 'gauge',
    help: 'Addresses that the name of the peers had when it was last looked up, without those of this server; left out without peers',
  },
  lookaside_events_total: {
    kind: 'counter',
    label: ['type', 'result'],
    help: 'Events for other programs, by type and result: delivered to a receiver; failed, a try after which there are more; dropped, without being delivered; or omitted, as there were too many',
  },
  lookaside_events_waiting: {
    kind: 'gauge',
    help: 'Events that have not been delivered yet, of all receivers together',
  },
  lookaside_audited_publications_total: {
    kind: 'counter',
    label: 'result',
    help: 'Publications that the audit log should have, by result: written or lost; left out without an audit log',
  },
  lookaside_key_expiry_timestamp_seconds: {
    kind: 'gauge',
    label: 'fingerprint',
    help: 'When a key, or the first of its subkeys that made served signatures, or the last one that can sign, expires; keys that do not expire are left out',
  },
  lookaside_unusable_key_files: {
    kind: 'gauge',
    label: 'scope',
    help: 'Key files of a scope that cannot be used, or directories of them; scopes without any are left out, and the scope of all other images is "default"',
  },
  lookaside_key_images: {
    kind: 'gauge',
    label: 'fingerprint',
    help: 'Images that are served with signatures by this key alone',
  },
  lookaside_source_info: {
    kind: 'gauge',
    label: 'commit',
    help: 'The commit that is served; always 1',
  },
  lookaside_build_info: {
    kind: 'gauge',
    label: ['version', 'nodeversion'],
    help: 'The version of the program, and of the Node that it runs on; always 1',
  },
} as const satisfies Readonly<Record<string, MetricDescription>>;

export type MetricName = keyof typeof METRICS;
