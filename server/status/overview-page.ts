import type { Page, PageRequest } from './page.ts';
import { readOverview } from './read-overview.ts';
import { renderOverview } from './render-overview.ts';

/** The page at `/`. */
export async function makeOverviewPage({ services, searches, now }: PageRequest): Promise<Page> {
  const facts = await readOverview(services, searches, now);
  return { status: 200, title: 'Signature store', content: renderOverview(facts) };
}
