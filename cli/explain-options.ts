// The options that only explain takes.
import { platforms, text } from './option-values.ts';
import type { Option } from './options.ts';

export const EXPLAIN_OPTIONS = {
  server: {
    argument: 'URL',
    description:
      'a running server, by the address of its status listener (http://127.0.0.1:9090), or a SOURCE',
    commands: ['explain'],
    schema: text,
  },
  platform: {
    argument: 'OS/ARCH',
    description: 'platforms of a multi-arch image to ask about, as linux/arm64; default: all',
    commands: ['explain'],
    repeatable: true,
    schema: platforms,
  },
  authfile: {
    argument: 'FILE',
    description: 'credentials for the registry, as skopeo takes them',
    commands: ['explain'],
    isPath: true,
    schema: text,
  },
} as const satisfies Record<string, Option>;
