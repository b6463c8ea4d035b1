import { fileURLToPath } from 'node:url';

/** The built program. */
export const MAIN_FILE = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
