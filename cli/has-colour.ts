import type { World } from './world.ts';

/** Whether standard output shows colours. */
export function hasColour({ stdout, environment }: World): boolean {
  return stdout.isTTY === true && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb';
}
