/** What `/metrics` says: values by sample as it is written, as `name{label="value"}`. */
export interface ReadMetrics {
  readonly text: string;
  readonly contentType: string | null;
  readonly samples: ReadonlyMap<string, number>;
  /** Kinds by the name of the metric. */
  readonly kinds: ReadonlyMap<string, string>;
}

/** Reads `/metrics` of the status listener; throws for a line that no scraper takes. */
export async function readMetrics({
  statusUrl,
}: {
  readonly statusUrl: string;
}): Promise<ReadMetrics> {
  const response = await fetch(`${statusUrl}/metrics`);
  const text = await response.text();
  const samples = new Map<string, number>();
  const kinds = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, kindOf, kind] = /^# TYPE (\w+) (\w+)$/.exec(line) ?? [];
    if (kindOf !== undefined && kind !== undefined) kinds.set(kindOf, kind);
    if (line === '' || line.startsWith('# ')) continue;
    const [, sample, value] = /^(\w+(?:\{.+\})?) (\S+)$/.exec(line) ?? [];
    if (sample === undefined || samples.has(sample)) throw new Error(`expected a sample: ${line}`);
    samples.set(sample, Number(value));
  }
  return { text, contentType: response.headers.get('Content-Type'), samples, kinds };
}

/** The values of a metric by one of its labels, added up over the others. */
export function sumsOf(
  { samples }: ReadMetrics,
  name: string,
  label: string,
): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [sample, value] of samples) {
    const [, metric, labels = ''] = /^(\w+)\{(.+)\}$/.exec(sample) ?? [];
    const by = new RegExp(`(?:^|,)${label}="([^"]*)"`).exec(labels)?.[1];
    if (metric === name && by !== undefined) sums[by] = (sums[by] ?? 0) + value;
  }
  return sums;
}

/** The values of one metric by its label. */
export function valuesOf({ samples }: ReadMetrics, name: string): Record<string, number> {
  const values: Record<string, number> = {};
  for (const [sample, value] of samples) {
    const [, metric, label] = /^(\w+)\{\w+="([^"]*)"\}$/.exec(sample) ?? [];
    if (metric === name && label !== undefined) values[label] = value;
  }
  return values;
}
