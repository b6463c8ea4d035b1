// Metrics whose values are read when they are asked for, all of them: what is gone vanishes.
import { Counter, Gauge, type Registry } from 'prom-client';
import { toLine } from '../../generator/terms/text.ts';
import { type MetricName, describeMetric } from './metric-list.ts';

/** A value, and that of the metric's label; undefined for a metric without one. */
export type Sample = readonly [label: string | undefined, value: number];

export type ReadSamples = () => Iterable<Sample>;

/** Adds a gauge to a registry. */
export function addGauge(registry: Registry, name: MetricName, read: ReadSamples): void {
  const description = describeMetric(name);
  const gauge = new Gauge({
    ...description,
    collect() {
      this.reset();
      for (const [label, value] of read()) this.set(toLabels(description, label), value);
    },
  });
  registry.registerMetric(gauge);
}

/** Adds a counter, whose values are counted elsewhere and never fall. */
export function addCounter(registry: Registry, name: MetricName, read: ReadSamples): void {
  const description = describeMetric(name);
  const counter = new Counter({
    ...description,
    collect() {
      this.reset();
      for (const [label, value] of read()) this.inc(toLabels(description, label), value);
    },
  });
  registry.registerMetric(counter);
}

function toLabels(
  { labelNames: [name] }: { readonly labelNames: readonly string[] },
  label: string | undefined,
): Record<string, string> {
  return name === undefined || label === undefined ? {} : { [name]: toLine(label) };
}
