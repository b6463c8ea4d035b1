/**
 * The one of two sizes that this run is for: `npm test` takes a size that still finds what the test
 * is for, `npm run test:long` (TEST_LONG=1) one that is worth minutes.
 */
export function atLength<T>(short: T, long: T): T {
  return process.env['TEST_LONG'] === '1' ? long : short;
}
