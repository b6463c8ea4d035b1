// Images that were looked up without a signature, sorted for operators: what nodes want of this store
// comes first, and what anybody may have made up stands apart.
import { type ReasonCode, REASON_CODES } from '../../generator/explain/reason.ts';
import { guessByName } from '../../generator/explain/find-reasons.ts';
import { parseAnyDirectory } from '../../generator/terms/release-location.ts';
import type { RefusedPull } from '../refused/refused-pull.ts';
import type { StatusServices } from './services.ts';

/** Whether the store has, or had, anything of an image. */
export interface SortedPulls {
  readonly known: readonly RefusedPull[];
  /** Names that the store has never had; those that were looked up again come first, as scanners ask once. */
  readonly unknown: readonly RefusedPull[];
}

/** As far as it is known without asking git; before anything is loaded, all count as known. */
export function sortPulls(
  pulls: readonly RefusedPull[],
  services: Pick<StatusServices, 'refresher' | 'reasons'>,
): SortedPulls {
  const codeOf = codesBy(services);
  const known: RefusedPull[] = [];
  const again: RefusedPull[] = [];
  const once: RefusedPull[] = [];
  for (const pull of pulls) {
    if (codeOf(pull) !== 'unknown-repository') known.push(pull);
    else (pull.count > 1 ? again : once).push(pull);
  }
  return { known, unknown: [...again, ...once] };
}

/**
 * What gives the reason of a pull: the one that was found out, or else the one that costs nothing to
 * guess. Undefined before anything is loaded.
 */
export function codesBy({
  refresher,
  reasons,
}: Pick<StatusServices, 'refresher' | 'reasons'>): (pull: RefusedPull) => ReasonCode | undefined {
  const store = refresher.store();
  const found = reasons.found();
  return ({ directory }) => {
    if (!store) return undefined;
    const reason = found.get(directory);
    if (reason) return reason.code;
    const { repository = '', digestHex = '' } = parseAnyDirectory(directory) ?? {};
    if (refresher.rejectedOf(digestHex).length > 0) return 'quarantined';
    return guessByName(store, repository);
  };
}

export function isReasonCode(text: string): text is ReasonCode {
  return REASON_CODES.some((code) => code === text);
}
