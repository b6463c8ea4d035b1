// Is loaded into the built program (`node --import`): says so when the program asks for what it is
// made of, which then never comes, as from a disk that hangs.
import { register } from 'node:module';

const hooks = `
import { writeSync } from 'node:fs';
export async function resolve(specifier, context, next) {
  if (!specifier.endsWith('/program.js')) return next(specifier, context);
  writeSync(2, 'loading\\n');
  return new Promise(() => undefined);
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
// Who waits for a module is not kept alive by that.
setInterval(() => undefined, 60_000);
