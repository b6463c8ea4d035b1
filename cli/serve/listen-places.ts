// Where a server takes its connections from: where the options say, or from sockets that it was given.
import type { ProgramLog } from '../../generator/system/program-log.ts';
import {
  areForAnother,
  findInheritedSockets,
} from '../../server/listen/inherited/inherited-sockets.ts';
import type { ServerOptions } from '../../server/server-options.ts';
import type { Settings } from '../base/options.ts';
import type { ProcessIo } from '../base/process-io.ts';

type ListenPlaces = Pick<ServerOptions, 'listen' | 'statusListen'>;

const FOR_ANOTHER = {
  message: 'sockets were passed on to another process (LISTEN_PID), so they are not used',
  hint: 'start lookaside without a program in between that waits for it: in a script with exec',
};
const WITHOUT_EFFECT = 'set ListenStream= in the .socket unit, or disable that unit';

/**
 * Finds them. An inherited socket takes the place of its option.
 * @throws InheritedSocketError
 */
export async function findListenPlaces(
  { listen, 'status-listen': statusListen, origins }: Settings,
  { environment, ids }: Pick<ProcessIo, 'environment' | 'ids'>,
  log: ProgramLog,
): Promise<ListenPlaces> {
  if (areForAnother(environment, ids)) log.warn({ hint: FOR_ANOTHER.hint }, FOR_ANOTHER.message);
  const { store, status } = await findInheritedSockets(environment, ids);
  const warn = (origin: string | undefined): void => {
    if (origin === undefined) return;
    log.warn({ hint: WITHOUT_EFFECT }, `${origin} has no effect: a socket was inherited`);
  };
  if (store.length > 0) warn(origins.listen);
  if (status.length > 0) warn(origins['status-listen']);
  return {
    listen: store.length > 0 ? { ...listen, inherited: store } : listen,
    statusListen: status.length > 0 ? { ...statusListen, inherited: status } : statusListen,
  };
}
