// What docs/performance.md quotes: the results as JSON, the tables between the page's markers, and
// the charts as SVG beside it.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { formatChart } from './format-chart.ts';
import { chartFile, formatResults } from './format-results.ts';
import { type BenchResult, benchResult } from './result.ts';

const START = '<!-- results -->';
const END = '<!-- end -->';

/** The results that the docs quote now; undefined if there are none yet. Throws on other JSON. */
export async function readDocs(directory: string): Promise<BenchResult | undefined> {
  const text = await readFile(join(directory, 'performance.json'), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : benchResult.parse(JSON.parse(text));
}

/** Has the docs in a directory quote these results. */
export async function writeDocs(directory: string, results: BenchResult): Promise<void> {
  const write = async (name: string, content: string): Promise<void> => {
    const filepath = join(directory, name);
    await writeFile(
      filepath,
      await format(content, { ...(await resolveConfig(filepath)), filepath }),
    );
  };
  const page = await readFile(join(directory, 'performance.md'), 'utf8');
  await write('performance.json', JSON.stringify(results));
  await write('performance.md', replaceResults(page, formatResults(results)));
  for (const chart of results.parts.flatMap(({ charts }) => charts)) {
    await writeFile(join(directory, chartFile(chart)), formatChart(chart));
  }
}

/** Puts text between the markers of a page. Throws if it has none. */
export function replaceResults(page: string, results: string): string {
  const [start, end] = [page.indexOf(START), page.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`the page lacks ${START} or ${END}`);
  return `${page.slice(0, start)}${START}\n\n${results}\n\n${page.slice(end)}`;
}
