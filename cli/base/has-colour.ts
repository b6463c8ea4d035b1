import type { StandardStream, World } from './process-io.ts';

/** Whether a stream shows colours (https://no-color.org). */
export function hasColour(stream: StandardStream, environment: World['environment']): boolean {
  return stream.isTTY === true && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb';
}

/** The same world without colours, for the programs that are started in it too. */
export function withoutColour(world: World): World {
  return { ...world, environment: { ...world.environment, NO_COLOR: '1' } };
}
