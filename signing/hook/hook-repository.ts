// The repository that a hook runs in. What is pushed lies in quarantine until the hook agrees: in a
// directory of its own that git names in the environment (git-receive-pack(1), "Quarantine environment").
import { resolve } from 'node:path';
import { gitEnvironment } from '../../generator/sources/git/processes/git-environment.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Where git looks for objects, and that they are in quarantine. */
const INHERITED = ['GIT_QUARANTINE_PATH', 'GIT_OBJECT_DIRECTORY'] as const;
/** A list of paths, with `:` between them. */
const ALTERNATES = 'GIT_ALTERNATE_OBJECT_DIRECTORIES';

export interface HookRepository {
  /** Absolute. */
  readonly directory: string;
  /** For every git that reads it. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The repository of a hook whose working directory is `directory`, and what its environment says. */
export function findHookRepository(environment: Environment, directory: string): HookRepository {
  // Ours runs elsewhere, so relative paths would lead astray.
  const place = (path: string): string => resolve(directory, path);
  const made: Record<string, string> = gitEnvironment(environment, undefined);
  for (const name of INHERITED) {
    const value = environment[name];
    if (value !== undefined) made[name] = place(value);
  }
  const alternates = environment[ALTERNATES];
  if (alternates !== undefined) made[ALTERNATES] = alternates.split(':').map(place).join(':');
  return { directory: place(environment['GIT_DIR'] ?? '.'), environment: made };
}

/** What GitLab sets for every hook (docs.gitlab.com, "Environment variables available to server hooks"). */
const OF_GITLAB = ['GL_ID', 'GL_REPOSITORY', 'GL_PROJECT_PATH'];

/** What a line has to begin with so that the git host shows it on its pages, too. */
export function findLinePrefix(environment: Environment): string {
  return OF_GITLAB.some((name) => environment[name] !== undefined) ? 'GL-HOOK-ERR: ' : '';
}
