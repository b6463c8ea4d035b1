// Tables of keys are most of a page, and the same whatever address it was asked under.
import type { Html } from '../html/html.ts';
import type { KeyGroup } from './page-facts.ts';
import { renderKeys } from './render-keys.ts';

interface Rendered {
  readonly caption: string;
  readonly time: number;
  readonly table: Html;
}

const last = new WeakMap<readonly KeyGroup[], Rendered>();

/** As `renderKeys`; made anew only when time or caption change. */
export function renderKeysOnce(groups: readonly KeyGroup[], caption: string, now: Date): Html {
  const known = last.get(groups);
  const time = now.getTime();
  if (known?.time === time && known.caption === caption) return known.table;
  const table = renderKeys(groups, caption, now);
  last.set(groups, { caption, time, table });
  return table;
}
