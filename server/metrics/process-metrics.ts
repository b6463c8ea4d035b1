// Processor, memory, event loop and garbage collection, for however many servers the process runs:
// what watches it cannot be stopped, so it is started once.
import { Registry, collectDefaultMetrics } from 'prom-client';

/** Gauges that are named as counters; their sums are in others. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

let registry: Registry | undefined;

/** Starts to watch the process; gives its metrics in Prometheus' text format. */
export function watchProcess(): () => Promise<string> {
  registry ??= createRegistry();
  const watched = registry;
  return async () => watched.metrics();
}

function createRegistry(): Registry {
  const created = new Registry();
  collectDefaultMetrics({ register: created });
  for (const name of MISNAMED) created.removeSingleMetric(name);
  return created;
}
