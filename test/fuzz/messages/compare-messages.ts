// Our verdict on a message, by both engines and by the one in process alone, beside those of the real
// gpg and gpgv.
import pMap from 'p-map';
import { openGpgv } from '../../../generator/openpgp/gpgv.ts';
import {
  type OpenMessage,
  type OpenedMessage,
  createOpenMessage,
} from '../../../generator/openpgp/open-message.ts';
import type { Keyring } from '../../../generator/openpgp/keyring.ts';
import { readKeyring } from '../../../generator/openpgp/read-keyring.ts';
import { type Rejection, isRejection } from '../../../generator/terms/rejection.ts';
import { makeTemporary, removeTemporary } from '../../kit/temporary.ts';
import { STOPS_GPGV } from '../verdict.ts';
import type { CraftedMessage } from './crafted-message.ts';
import { type MessageKey, makeMessageKeys } from './message-keys.ts';
import { type GpgVerdict, NodeGpg } from './node-gpg.ts';

/** A message with all verdicts. */
export interface ComparedMessage {
  readonly message: CraftedMessage;
  /** Whether the engine in process takes it, without gpgv. */
  readonly isTakenInProcess: boolean;
  readonly isTaken: boolean;
  /** What is wrong with our verdict; undefined if it is a node's. */
  readonly fault: string | undefined;
  /** All that was said, in lines. */
  readonly verdicts: readonly string[];
}

const CONCURRENCY = 3;
/** Messages that gpg is given together. */
const BATCH = 100;

/** The judges, with keys of all kinds. */
export class MessageJudges {
  readonly keys: readonly MessageKey[];
  /** Binary. */
  readonly keyring: Buffer;
  readonly node: NodeGpg;
  readonly #read: Keyring;
  readonly #inProcess = createOpenMessage(undefined);
  readonly #withGpgv: OpenMessage;
  readonly #close: () => Promise<void>;

  private constructor(
    keys: readonly MessageKey[],
    keyring: Buffer,
    node: NodeGpg,
    read: Keyring,
    withGpgv: OpenMessage,
    close: () => Promise<void>,
  ) {
    this.keys = keys;
    this.keyring = keyring;
    this.node = node;
    this.#read = read;
    this.#withGpgv = withGpgv;
    this.#close = close;
  }

  static async open(): Promise<MessageJudges> {
    const keys = makeMessageKeys();
    const keyring = Buffer.concat(keys.map(({ key }) => key.publicKey));
    const directory = await makeTemporary();
    const gpgv = await openGpgv({ path: process.env['PATH'], directory });
    if (!gpgv) throw new Error('expected a gpgv that can be used, got none');
    const node = await NodeGpg.open(keyring);
    const read = await readKeyring([{ path: 'keys.gpg', bytes: keyring }]);
    return new MessageJudges(keys, keyring, node, read, createOpenMessage(gpgv), async () => {
      await gpgv.close();
      await node.close();
      await removeTemporary(directory);
    });
  }

  /** Has every message judged by all. */
  async compareAll(
    messages: Iterable<CraftedMessage>,
    onResult: (compared: ComparedMessage) => void = () => {},
  ): Promise<readonly ComparedMessage[]> {
    const results: ComparedMessage[] = [];
    let batch: CraftedMessage[] = [];
    const finish = async (): Promise<void> => {
      for (const compared of await this.#compareBatch(batch)) {
        onResult(compared);
        results.push(compared);
      }
      batch = [];
    };
    for (const message of messages) {
      batch.push(message);
      if (batch.length === BATCH) await finish();
    }
    await finish();
    return results;
  }

  async compare(message: CraftedMessage): Promise<ComparedMessage> {
    const [compared] = await this.compareAll([message]);
    if (!compared) throw new Error('expected a verdict, got none');
    return compared;
  }

  async #compareBatch(messages: readonly CraftedMessage[]): Promise<readonly ComparedMessage[]> {
    const nodes = await this.node.judge(messages.map(({ bytes }) => bytes));
    const now = new Date();
    const judged = await pMap(
      messages,
      async ({ bytes }) => ({
        inProcess: await this.#inProcess(bytes, this.#read, now),
        ours: await this.#withGpgv(bytes, this.#read, now),
      }),
      { concurrency: CONCURRENCY },
    );
    const taken = messages.filter((_message, index) => isTaken(judged[index]?.inProcess));
    const byGpgv = await this.node.judgeByGpgv(taken.map(({ bytes }) => bytes));
    return judged.map((own, index) => {
      const [message, node] = [messages[index], nodes[index]];
      if (!message || !node) throw new Error('expected a verdict of gpg, got none');
      return describeComparison(message, { ...own, node, gpgv: byGpgv[taken.indexOf(message)] });
    });
  }

  async close(): Promise<void> {
    await this.#close();
  }
}

interface Verdicts {
  readonly inProcess: OpenedMessage | Rejection;
  readonly ours: OpenedMessage | Rejection;
  readonly node: GpgVerdict;
  /** Asked where the engine in process takes a message. */
  readonly gpgv: GpgVerdict | undefined;
}

function isTaken(opened: OpenedMessage | Rejection | undefined): boolean {
  return opened !== undefined && !isRejection(opened);
}

function describeComparison(message: CraftedMessage, verdicts: Verdicts): ComparedMessage {
  const { inProcess, ours, node, gpgv } = verdicts;
  return {
    message,
    isTakenInProcess: isTaken(inProcess),
    isTaken: isTaken(ours),
    fault: findFault(verdicts),
    verdicts: [
      `in process: ${describeOpened(inProcess)}`,
      `with gpgv:  ${describeOpened(ours)}`,
      `gpg:        ${node.why}`,
      ...(gpgv ? [`gpgv:       ${gpgv.why}`] : []),
    ],
  };
}

function findFault({ inProcess, ours, node, gpgv }: Verdicts): string | undefined {
  if (!isRejection(inProcess) && !node.isGood) return 'taken in process, refused by gpg';
  if (gpgv && !gpgv.isGood) return 'taken in process, refused by gpgv';
  if (isRejection(ours)) {
    const isListed = STOPS_GPGV.test(`${ours.code}: ${ours.message}`);
    return node.isGood && !isListed ? 'refused, taken by gpg' : undefined;
  }
  if (!node.isGood) return 'taken, refused by gpg';
  const payload = Buffer.from(ours.untrustedPayload).toString();
  return payload === node.payload ? undefined : 'taken with another payload than by gpg';
}

function describeOpened(opened: OpenedMessage | Rejection): string {
  if (isRejection(opened)) return `${opened.code}: ${opened.message}`;
  return `taken${opened.gpgv === undefined ? '' : ' by gpgv'}`;
}

/** One disagreement in a few lines. */
export function formatComparedMessage({ message, fault, verdicts }: ComparedMessage): string {
  const lines = [`${fault}: ${message.what}`, ...verdicts, message.bytes.toString('base64')];
  return lines.map((line, index) => (index === 0 ? `  ${line}` : `    ${line}`)).join('\n');
}
