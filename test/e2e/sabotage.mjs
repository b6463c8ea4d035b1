// Is loaded into the built program (`node --import`): what SABOTAGE names breaks at SIGUSR2, or, for
// names that end in `-in-work`, as soon as there is a temporary directory, for those that end in
// `-early`, as soon as it is taken by the program.
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';

const fail = () => {
  throw new TypeError('sabotage \u009b31m\u202e');
};
/** Nobody else's look at the time fails: that would be a failure in the background. */
const failLookups = () => {
  const now = performance.now.bind(performance);
  performance.now = () => {
    if (/\/(?:quick-)?lookup\.js:/.test(new Error().stack)) fail();
    return now();
  };
};
const WAYS = {
  callback: () => setImmediate(fail),
  promise: () => void Promise.reject(new RangeError('sabotage')),
  storm: () => void setInterval(fail, 20),
  lookup: failLookups,
};
const BEGINS = {
  early: () => process.listenerCount('uncaughtException') > 0,
  work: () => readdirSync(tmpdir()).length > 0,
};
const [name, ...when] = (process.env['SABOTAGE'] ?? '').split('-');
const sabotage = WAYS[name];
const hasBegun = BEGINS[when.at(-1)];
if (hasBegun === undefined) process.on('SIGUSR2', sabotage);
else {
  const timer = setInterval(() => {
    if (!hasBegun()) return;
    clearInterval(timer);
    sabotage();
  }, 1);
}
