// Reads the signatures of an image at one address as nodes do, and judges each of them.
import { hash } from 'node:crypto';
import { type DescribeOptions, describeSignature } from '../explain/describe-signature.ts';
import { parseSignatureFile } from '../openpgp/signature-file.ts';
import { MAX_SIGNATURES } from '../store/numbering.ts';
import { formatDirectory, formatLocation } from '../terms/location.ts';
import { isRejection } from '../terms/rejection.ts';
import { type StoreAnswer, isAnswer } from './answering.ts';
import { type ProbeFault, describeStatus, judgeMissing, judgeTransfer } from './judge-answer.ts';
import type { AddressProbe } from './probe-address.ts';
import { formatQuestion } from './store-address.ts';

/** An image whose signatures the store should have. */
export interface ProbedImage {
  /** As it was given. */
  readonly name: string;
  /** `namespace/repo`. */
  readonly repository: string;
  readonly digestHex: string;
}

/** Behind the end, where there should be nothing. */
const BEHIND = 2;

/** Reads an image at one address. */
export class ImageProbe {
  readonly #probe: AddressProbe;
  readonly #image: ProbedImage;
  readonly #reading: DescribeOptions;
  readonly #directory: string;
  /** Of what was served, in order. */
  readonly hashes: string[] = [];
  /** The first signature that can be read. */
  #first: StoreAnswer | undefined;
  /** Those that count for nothing, with their numbers. */
  readonly #useless: (readonly [number: number, got: string])[] = [];

  constructor(probe: AddressProbe, image: ProbedImage, reading: DescribeOptions) {
    this.#probe = probe;
    this.#image = image;
    this.#reading = reading;
    this.#directory = formatDirectory(image.repository, image.digestHex);
  }

  /** Whether there is a signature that can be read. */
  get isReadable(): boolean {
    return this.#first !== undefined;
  }

  async run(): Promise<void> {
    if (!(await this.#readAll())) return;
    const served = this.hashes.length;
    const hasGap = await this.#tellGap(served);
    if (served === 0) {
      if (!hasGap) await this.#tellUnsigned();
      return;
    }
    const isAllUseless = this.#useless.length === served;
    for (const [number, got] of isAllUseless ? this.#useless.slice(0, 1) : this.#useless) {
      this.#tell({ code: isAllUseless ? 'no-good-signature' : 'useless-signature', got }, number);
    }
  }

  /** Asks for the first signature in forms that nodes do not send, and some proxies make. */
  async askInOtherForms(): Promise<void> {
    const first = this.#first;
    if (!first) return;
    const { store } = this.#probe.options;
    const path = formatLocation(this.#directory, 1);
    const forms = [
      ['double-slash', `/${path}`, true],
      ['escapes', path.replace('@', '%40').replace('=', '%3D'), true],
      ['decoded-twice', path.replace('@', '%2540'), false],
    ] as const;
    for (const [code, form, isExpected] of forms) {
      if (code === 'double-slash' && store.slashes !== '') continue;
      const asked = await this.#probe.client.ask(formatQuestion(store, form));
      const isSame =
        isAnswer(asked) && asked.status === 200 && Buffer.compare(asked.body, first.body) === 0;
      if (isSame === isExpected) continue;
      const got = isAnswer(asked) ? describeStatus(asked) : asked.message;
      this.#probe.tell(code, { got, image: this.#image.name });
    }
  }

  /** Whether there is an end; what is in the way is told. */
  async #readAll(): Promise<boolean> {
    for (let number = 1; number <= MAX_SIGNATURES + 1; number++) {
      const asked = await this.#probe.ask(formatLocation(this.#directory, number));
      if (!isAnswer(asked) || asked.status !== 200) {
        const fault = judgeMissing(asked);
        if (fault && !this.#isKnown(fault)) this.#tell(fault, number);
        return fault === undefined;
      }
      if (number > MAX_SIGNATURES) break;
      if (this.#isMissingPage(asked)) return false;
      this.hashes.push(hash('sha256', asked.body));
      const fault = await this.#judge(asked);
      if (fault?.code === 'useless-signature') this.#useless.push([number, fault.got]);
      else if (fault) {
        this.#tell(fault, number);
        return false;
      }
      this.#first ??= asked;
    }
    const got = `more than ${MAX_SIGNATURES} signatures`;
    this.#tell({ code: 'too-many', got }, MAX_SIGNATURES + 1);
    return false;
  }

  /** Whether the same was told, in these words or in better ones, of what is not there. */
  #isKnown({ code }: ProbeFault): boolean {
    const { missing, findings } = this.#probe;
    if (missing && judgeMissing(missing)?.code === code) return true;
    return findings.some((finding) => finding.code === code && finding.image === null);
  }

  /** Whether this is the page that the store gives for all that is not there. */
  #isMissingPage({ body }: StoreAnswer): boolean {
    const { missing } = this.#probe;
    if (!missing || !isAnswer(missing) || missing.status !== 200) return false;
    const [page, got] = [missing.body, body].map((bytes) => parseSignatureFile(bytes));
    return (
      page !== undefined &&
      got !== undefined &&
      isRejection(page) &&
      isRejection(got) &&
      page.code === got.code
    );
  }

  async #judge(answer: StoreAnswer): Promise<ProbeFault | undefined> {
    const cut = judgeTransfer(answer);
    if (cut) return cut;
    const { name, digestHex } = this.#image;
    const { verdict, claims } = await describeSignature(
      name,
      answer.body,
      this.#reading,
      this.#probe.options.now,
    );
    // Nobody here can judge it, which says nothing of nodes.
    if (verdict.status === 'rejected' && verdict.code !== 'cannot-verify') {
      const got = `${verdict.code}: ${verdict.message}`;
      if (!verdict.breaksPulls) return { code: 'useless-signature', got };
      return { code: answer.hops.length > 0 ? 'redirect-to-page' : 'unreadable-signature', got };
    }
    const digest = claims?.manifestDigest;
    return digest === undefined || digest === `sha256:${digestHex}`
      ? undefined
      : { code: 'useless-signature', got: `a signature of ${digest}` };
  }

  /** Whether there is anything behind the end. */
  async #tellGap(served: number): Promise<boolean> {
    for (let number = served + 2; number <= served + 1 + BEHIND; number++) {
      const asked = await this.#probe.ask(formatLocation(this.#directory, number));
      if (!isAnswer(asked) || asked.status !== 200 || asked.fault !== undefined) continue;
      if (isRejection(parseSignatureFile(asked.body))) continue;
      const got = `number ${number}, and no number ${served + 1}`;
      this.#tell({ code: 'gap', got }, number, served === 0 ? 'fails' : undefined);
      return true;
    }
    return false;
  }

  async #tellUnsigned(): Promise<void> {
    const { store } = this.#probe.options;
    const path = formatLocation(this.#directory, 1);
    if (store.slashes !== '') {
      const asked = await this.#probe.client.ask(formatQuestion({ ...store, slashes: '' }, path));
      if (isAnswer(asked) && asked.status === 200) {
        const got = '404, and the signature without the slash at the end of the address';
        this.#tell({ code: 'double-slash', got }, 1, 'fails');
        return;
      }
    }
    this.#tell({ code: 'image-unsigned', got: '404' }, 1);
  }

  #tell({ code, got }: ProbeFault, number: number, severity?: 'fails'): void {
    const asked = formatLocation(this.#directory, number);
    this.#probe.tell(code, { got, asked, image: this.#image.name, severity });
  }
}
