import { parseUrl } from '../../generator/terms/text.ts';
import type { Settings } from '../base/options.ts';
import { UsageError } from '../base/usage-error.ts';

/** What of the settings is good for a push only in certain forms. */
export interface PushOptions {
  /** The signature repository. */
  readonly to: string;
  /** The store to wait for, without a slash at the end. */
  readonly store: string | undefined;
}

/**
 * Reads them.
 * @throws UsageError
 */
export function readPushOptions(settings: Settings): PushOptions {
  const { to, format } = settings;
  if (to === undefined) {
    const hint = 'name the signature repository, for example --to git@HOST:ORG/signatures.git';
    throw new UsageError('push needs --to', hint);
  }
  if (format !== 'text' && format !== 'json') {
    const hint = 'use --format text or --format json';
    throw new UsageError(`push does not support the format ${format}`, hint);
  }
  return { to, store: readStore(settings) };
}

/**
 * The store that is to be waited for; undefined for none.
 * @throws UsageError for what is no address, and where nothing is to be served
 */
export function readStore(settings: Settings): string | undefined {
  const { wait } = settings;
  if (wait === undefined) return undefined;
  if (settings['pull-request'] || settings['dry-run']) {
    const other = settings['dry-run'] ? '--dry-run' : '--pull-request';
    const message = `--wait and ${other} exclude each other: the store serves what is on the branch`;
    throw new UsageError(message, 'leave one of them out');
  }
  const url = parseUrl(wait);
  if (url && /^https?:$/.test(url.protocol)) return wait.replace(/\/+$/, '');
  throw new UsageError(
    `--wait: expected the http:// or https:// address of a store, got ${JSON.stringify(wait)}`,
    'give --wait https://signatures.example.com',
  );
}
