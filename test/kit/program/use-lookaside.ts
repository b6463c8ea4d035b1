import { startLookasideHere } from './lookaside-here.ts';
import { type Listening, startListening, startLookaside } from './lookaside.ts';

/** As `startLookaside`, `startListening` and `startLookasideHere`; what they start ends with the test. */
export interface LookasideStarter {
  readonly start: typeof startLookaside;
  readonly startListening: typeof startListening;
  readonly startHere: typeof startLookasideHere;
}

/** Inside `describe`: lets the tests start servers that end with them. */
export function useLookaside(): LookasideStarter {
  let started: Listening[] = [];
  const track = <Server extends Listening>(server: Server): Server => {
    started.push(server);
    return server;
  };
  afterEach('stop the servers', async () => {
    await Promise.all(started.map((server) => server.stop('SIGKILL')));
    started = [];
  });
  return {
    start: async (...args) => track(await startLookaside(...args)),
    startHere: async (...args) => track(await startLookasideHere(...args)),
    startListening: async (...args) => track(await startListening(...args)),
  };
}
