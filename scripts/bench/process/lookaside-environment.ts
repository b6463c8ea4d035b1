import { join } from 'node:path';

/**
 * The environment for a run of the program that shares nothing with other runs but those with the
 * same `home`, and that no setting of who runs the bench changes.
 */
export function lookasideEnvironment(home: string): Record<string, string | undefined> {
  const own = Object.keys(process.env).filter((name) => name.startsWith('LOOKASIDE_'));
  return {
    ...Object.fromEntries(own.map((name) => [name, undefined])),
    NODE_OPTIONS: undefined,
    XDG_STATE_HOME: join(home, 'state'),
    XDG_CACHE_HOME: join(home, 'cache'),
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_SYSTEM: '/dev/null',
  };
}
