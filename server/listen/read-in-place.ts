// Node gives each piece that it reads from a socket memory of its own, which costs a quarter of a
// lookup. With the option `onread` it reads all into the same, but has it only for sockets that
// connect. So those that were accepted get the fields that the option would have set; where a
// Node keeps it in another way, they are read as always.
import { type ConnectOpts, Socket, type SocketConstructorOpts } from 'node:net';
import { TLSSocket } from 'node:tls';

/** Hands what comes on a socket to `onData`, and gives what makes it a stream as any other. */
export type Reader = (socket: Socket, onData: (chunk: Buffer) => void) => () => void;

/** A socket's end in the system. */
interface Handle {
  readonly useUserBuffer: (memory: Uint8Array) => void;
}

interface Fields {
  readonly buffer: PropertyKey;
  readonly callback: PropertyKey;
}

/** In bytes; as much as Node asks the system for at once. */
const LENGTH = 64 * 1024;

/** Makes a reader whose chunks hold until `onData` returns. */
export function createReader(): Reader {
  const memory = Buffer.allocUnsafeSlow(LENGTH);
  const fields = findFields();
  return (socket, onData) => {
    // What is encrypted is read by Node's TLS, not from the system.
    const handle = socket instanceof TLSSocket ? undefined : handleOf(socket);
    if (!fields || !handle) {
      socket.on('data', onData);
      return () => void socket.off('data', onData);
    }
    let isReleased = false;
    Reflect.set(socket, fields.buffer, memory);
    Reflect.set(socket, fields.callback, (length: number): boolean => {
      const chunk = memory.subarray(0, length);
      // False stops the reads until the stream wants more.
      if (isReleased) return socket.push(Buffer.from(chunk));
      onData(chunk);
      return true;
    });
    handle.useUserBuffer(memory);
    return () => void (isReleased = true);
  };
}

/** Where a socket keeps the option. */
function findFields(): Fields | undefined {
  const onread = { buffer: new Uint8Array(1), callback: () => true };
  const options: SocketConstructorOpts & Pick<ConnectOpts, 'onread'> = { onread };
  const socket = new Socket(options);
  const fieldWith = (value: unknown): PropertyKey | undefined =>
    Reflect.ownKeys(socket).find((key) => Reflect.get(socket, key) === value);
  const buffer = fieldWith(onread.buffer);
  const callback = fieldWith(onread.callback);
  return buffer !== undefined && callback !== undefined ? { buffer, callback } : undefined;
}

function handleOf(socket: Socket): Handle | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  return hasUserBuffer(handle) ? handle : undefined;
}

function hasUserBuffer(handle: unknown): handle is Handle {
  return (
    typeof handle === 'object' &&
    handle !== null &&
    'useUserBuffer' in handle &&
    typeof handle.useUserBuffer === 'function'
  );
}
