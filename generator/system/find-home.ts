// Where users have their files. A container may run as any user ID, which has no entry in passwd, and
// services often lack HOME: then there is no such place.
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** By HOME, else by the entry of the user; undefined where there is neither. */
export function findHome({ HOME }: Environment): string | undefined {
  if (HOME) return HOME;
  try {
    return homedir() || undefined;
  } catch {
    // Node throws where the user has no entry.
    return undefined;
  }
}

/**
 * Where programs of the user keep what they remember, by the XDG base directory specification, which
 * ignores relative paths; undefined where there is no such place.
 */
export function findStateHome(environment: Environment): string | undefined {
  const { XDG_STATE_HOME: given = '' } = environment;
  if (isAbsolute(given)) return given;
  const home = findHome(environment);
  return home === undefined ? undefined : join(home, '.local/state');
}
