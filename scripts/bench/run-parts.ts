import { messageOf } from '../../generator/terms/errors.ts';
import type { Bench, Part } from './part.ts';
import type { PartResult } from './report/result.ts';

/** Measures parts one after the other. One that fails is told of, and the others are measured. */
export async function runParts(
  parts: readonly Part[],
  bench: Bench,
  onResult: (result: PartResult) => void,
): Promise<{ results: readonly PartResult[]; failed: readonly string[] }> {
  const results: PartResult[] = [];
  const failed: string[] = [];
  for (const { name, title, measure } of parts) {
    bench.say(`${name}: ${title}`);
    const started = performance.now();
    const measuredAt = new Date().toISOString();
    try {
      const findings = await measure(bench);
      const seconds = Math.round((performance.now() - started) / 1000);
      const result = { part: name, title, measuredAt, seconds, ...findings };
      results.push(result);
      onResult(result);
    } catch (error) {
      bench.say(`${name} failed: ${messageOf(error)}`);
      failed.push(name);
    }
  }
  return { results, failed };
}
