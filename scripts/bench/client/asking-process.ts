// Looks up in a process of its own: what else the bench does, as starting git, must not hold up
// the clock of lookups.
import { type Lookup } from './lookups.ts';
import { type Asked, askAtRate } from './ask-at-rate.ts';
import { openConnection } from './connection.ts';
import type { AskOrder } from './open-asker.ts';

const CONNECTIONS = 16;

let lookups: readonly Lookup[] = [];
let connections: Awaited<ReturnType<typeof openConnection>>[] = [];

async function obey(order: AskOrder): Promise<Asked | undefined> {
  if ('baseUrl' in order) {
    lookups = order.lookups;
    const all = Array.from({ length: CONNECTIONS }, async () => openConnection(order.baseUrl));
    connections = await Promise.all(all);
    return undefined;
  }
  return askAtRate(connections, lookups, order);
}

process.on('message', (order: AskOrder) => {
  obey(order).then(
    (asked) => process.send?.({ asked }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on('disconnect', () => process.exit());
