import type { BenchResult } from '../../scripts/bench/report/result.ts';

/** A result with one part, as a run could give it. */
export const SAMPLE: BenchResult = {
  format: 1,
  machine: {
    processor: 'Example 3000 (x64)',
    cores: 2,
    memory: '24 GiB',
    kernel: 'Linux 6.1.0',
    programs: { node: '20.19.0', git: '2.39.5' },
  },
  parts: [
    {
      part: 'start',
      title: 'Start',
      measuredAt: '2026-01-02T03:04:05.678Z',
      seconds: 60,
      rows: [
        {
          subject: 'lookaside',
          figure: 'cold start',
          unit: 's',
          spread: { median: 12, min: 11, max: 14, runs: 3 },
        },
        {
          subject: 'lookaside',
          figure: 'warm start',
          unit: 's',
          spread: { median: 3, min: 3, max: 3, runs: 1 },
        },
      ],
      goals: [{ what: 'warm start', limit: 'at most 0.1 ×', got: '0.25 ×', isMet: false }],
      notes: ['A note.'],
      charts: [
        {
          name: 'start',
          title: 'Start <cold & warm>',
          xLabel: 'signatures',
          yLabel: 'seconds',
          series: [
            {
              name: 'cold',
              points: [
                { x: 1000, y: 1 },
                { x: 100_000, y: 12 },
              ],
            },
            { name: 'warm', points: [{ x: 100_000, y: 0 }] },
          ],
        },
      ],
    },
  ],
};
