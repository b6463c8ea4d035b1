import { startBackground } from '../../../test/kit/process/background.ts';
import type { Server } from '../process/serve-lookaside.ts';

/** Where a peer listens and what it does. */
export interface PeerOptions {
  /** The name in the tables. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly port: number;
  readonly scheme?: 'http' | 'https';
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a peer in the foreground. Settles when it takes connections; throws with its words if not. */
export async function startPeer(options: PeerOptions): Promise<Server> {
  const { name, command, args, port, scheme = 'http', env = {} } = options;
  const background = await startBackground(command, args, { env });
  await background.waitForPort(port);
  return {
    name,
    pid: background.pid,
    baseUrl: `${scheme}://127.0.0.1:${port}`,
    stop: async () => void (await background.stop()),
  };
}
