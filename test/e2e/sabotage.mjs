// Is loaded into the built program (`node --import`): what SABOTAGE names breaks at SIGUSR2, or as soon
// as there is a temporary directory for names that end in `-in-work`.
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';

const fail = () => {
  throw new TypeError('sabotage \u009b31m\u202e');
};
const WAYS = {
  callback: () => setImmediate(fail),
  promise: () => void Promise.reject(new RangeError('sabotage')),
  storm: () => void setInterval(fail, 20),
  lookup: () => void (performance.now = fail),
};
const [name, isInWork] = (process.env['SABOTAGE'] ?? '').split('-');
const sabotage = WAYS[name];
if (isInWork === undefined) process.on('SIGUSR2', sabotage);
else {
  const timer = setInterval(() => {
    if (readdirSync(tmpdir()).length === 0) return;
    clearInterval(timer);
    setTimeout(() => sabotage(), 200);
  }, 20);
}
