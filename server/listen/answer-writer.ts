import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** Bodies up to this many bytes can be written. */
export const MAX_BODY = 16 * 1024;
const MAX_HEAD = 1024;

/**
 * Gives the function that writes a head (latin1) and a body in one piece. Memory is what an
 * answer costs most, so all are put together in the same; unless the system takes an answer at
 * once, which is the rule, its memory is left to it.
 */
export function createAnswerWriter(): (socket: Socket, head: string, body: Uint8Array) => void {
  let shared = Buffer.allocUnsafeSlow(MAX_HEAD + MAX_BODY);
  return (socket, head, body) => {
    const length = head.length + body.length;
    // Encryption always takes its time.
    const isShared = length <= shared.length && !(socket instanceof TLSSocket);
    const answer = isShared ? shared.subarray(0, length) : Buffer.allocUnsafe(length);
    answer.write(head, 'latin1');
    answer.set(body, head.length);
    socket.write(answer);
    if (isShared && socket.writableLength > 0) shared = Buffer.allocUnsafeSlow(shared.length);
  };
}
