import { fileURLToPath } from 'node:url';
import { toShellWord } from '../../../terms/text.ts';

/** What GitHub wants for a user name, and GitLab takes with the tokens of people and projects. */
export const DEFAULT_GIT_USER = 'x-access-token';

const HELPER = fileURLToPath(new URL('token-helper.sh', import.meta.url));

/**
 * Settings by which git asks a helper for the token of a URL's host; it finds the file in
 * `LOOKASIDE_GIT_TOKEN_FILE`, and reads it each time, so that a rotated token is seen. The user's own
 * helpers for this host are dropped.
 */
export function tokenSettings(url: string): readonly (readonly [name: string, value: string])[] {
  const scope = `credential.${new URL(url).origin}.helper`;
  return [
    [scope, ''],
    [scope, `!sh ${toShellWord(HELPER)}`],
  ];
}
