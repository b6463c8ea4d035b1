/** Who sends webhooks that are understood; `generic` is whoever signs by itself, such as a pipeline. */
export const WEBHOOK_FORGES = [
  'github',
  'forgejo',
  'gitea',
  'gogs',
  'gitlab',
  'bitbucket',
  'azure',
  'generic',
] as const;
export type WebhookForge = (typeof WEBHOOK_FORGES)[number];
