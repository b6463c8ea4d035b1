import type { ScopeKeyFault } from '../../../generator/policy/key-faults.ts';
import type { RejectedFile } from '../../../generator/store/report.ts';
import type { Summary } from '../../../generator/store/store-directory.ts';
import type { RememberedLoss } from '../../../server/lost/lost-file.ts';
import type { RefreshStatus } from '../../../server/follow/refresher.ts';
import type { Trouble } from '../../../server/troubles/troubles.ts';

/** The members of `/status.json` that the tests look at. */
export interface Status extends RefreshStatus {
  readonly source: { readonly branch: string | null };
  readonly signatures: number;
  readonly summary: Summary | null;
  readonly keys: readonly { readonly fingerprint: string }[];
  readonly rejected: readonly RejectedFile[];
  readonly troubles: readonly Trouble[];
  readonly keyFaults: readonly Pick<ScopeKeyFault, 'scope' | 'code'>[];
  readonly lost:
    (Pick<RememberedLoss, 'signatures' | 'files' | 'author' | 'until'> & { share: number }) | null;
  readonly reloadedAt: string;
}

/** Reads `/status.json` of the status listener. */
export async function readStatus({ statusUrl }: { readonly statusUrl: string }): Promise<Status> {
  const response = await fetch(`${statusUrl}/status.json`);
  return (await response.json()) as Status;
}
