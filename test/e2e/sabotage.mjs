// Is loaded into the built program (`node --import`): what SABOTAGE names breaks at SIGUSR2, or at the
// start for names that end in `-at-once`.
const fail = () => {
  throw new TypeError('sabotage \u009b31m\u202e');
};
const WAYS = {
  callback: () => setImmediate(fail),
  promise: () => void Promise.reject(new RangeError('sabotage')),
  storm: () => void setInterval(fail, 20),
  lookup: () => void (performance.now = fail),
};
const [name, isAtOnce] = (process.env['SABOTAGE'] ?? '').split('-');
const sabotage = WAYS[name];
if (isAtOnce === undefined) process.on('SIGUSR2', sabotage);
else setTimeout(sabotage, 150);
