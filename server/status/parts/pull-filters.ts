import type { ReasonCode } from '../../../generator/explain/reason.ts';

/** What the list of missing signatures can be narrowed down to; '' for all. */
export interface PullFilters {
  readonly reason: ReasonCode | '';
  /** One repository, or part of a name. */
  readonly repository: string;
  readonly client: string;
  /** `sha256:` and at least 8 digits. */
  readonly digest: string;
  /** Of repositories that the store knows, or has never had. */
  readonly names: 'known' | 'unknown' | '';
  /** What they are counted by. */
  readonly by: 'reason' | 'repository' | 'client' | '';
}

/** The parameters of an address that are not left out. */
export function toParameters(filters: Partial<PullFilters>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== ''));
}
