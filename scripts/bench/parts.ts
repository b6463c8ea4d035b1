import type { Part } from './part.ts';
import { fanout } from './parts/fanout.ts';
import { generate } from './parts/generate.ts';
import { hostile } from './parts/hostile.ts';
import { keys } from './parts/keys.ts';
import { load } from './parts/load.ts';
import { lookups } from './parts/lookups.ts';
import { memory } from './parts/memory.ts';
import { push } from './parts/push.ts';
import { refresh } from './parts/refresh.ts';
import { start } from './parts/start.ts';
import { verify } from './parts/verify.ts';
import type { PartName } from './report/result.ts';

/** The parts by their names. */
export const PARTS = {
  lookups,
  verify,
  keys,
  refresh,
  fanout,
  memory,
  start,
  generate,
  push,
  load,
  hostile,
} as const satisfies Record<PartName, Part>;
