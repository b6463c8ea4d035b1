// Signatures that go to the signature repository.
import type { PlacedSignature, PlacingJudge } from '../../generator/gate/placing-judge.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import type { Rejection } from '../../generator/terms/rejection.ts';
import type { Candidate } from '../gather/candidate.ts';
import type { PushReport, PushedSignature } from '../push/push-report.ts';
import { PublishedSignatures } from '../push/published-signatures.ts';
import type { SignatureRepository } from '../target/signature-repository.ts';
import {
  type Delivered,
  type Delivery,
  type Destination,
  type MadeSignature,
  findMaker,
  placeOf,
} from './destination.ts';
import { type Statement, statementId } from './statement.ts';

export interface RepositoryDestinationOptions {
  readonly repository: SignatureRepository;
  readonly policy: Policy;
  readonly judge: PlacingJudge;
  /** The published subtree of the repository; '' for all of it. */
  readonly subtree: string;
  readonly now: () => Date;
  /** Pushes or proposes them. */
  readonly handOver: (candidates: readonly Candidate[]) => Promise<PushReport>;
  readonly close: () => Promise<void>;
}

export class RepositoryDestination implements Destination {
  readonly #options: RepositoryDestinationOptions;

  constructor(options: RepositoryDestinationOptions) {
    this.#options = options;
  }

  get name(): string {
    const { location, branch } = this.#options.repository;
    return `${location} (${branch})`;
  }

  get policy(): Policy {
    return this.#options.policy;
  }

  async findMade(
    statements: readonly Statement[],
    fingerprint: string,
  ): Promise<ReadonlyMap<string, MadeSignature>> {
    const { repository, policy, judge, subtree, now } = this.#options;
    const placed = statements.flatMap((statement) => {
      const place = placeOf(policy, statement);
      return place ? [{ statement, place }] : [];
    });
    const published = new PublishedSignatures(repository, subtree, judge, now());
    const found = await published.find(placed.map(({ place }) => place));
    const made = placed.flatMap(({ statement, place }) => {
      const files = found.get(place.directory) ?? [];
      const good = files.flatMap(({ path, signature }) => (signature ? [{ path, signature }] : []));
      const maker = findMaker(statement, fingerprint, good);
      return maker ? [[statementId(statement), maker] as const] : [];
    });
    return new Map(made);
  }

  async judge(bytes: Uint8Array): Promise<PlacedSignature | Rejection> {
    const { judge, now } = this.#options;
    return judge.place(bytes, now());
  }

  async deliver(signatures: readonly PlacedSignature[]): Promise<Delivery> {
    const candidates = signatures.map(({ signature: { bytes, claims } }) => ({
      origin: `${claims.dockerReference} ${claims.manifestDigest}`,
      bytes,
    }));
    const report = await this.#options.handOver(candidates);
    const delivered = report.signatures.map(toDelivered);
    const { commit, branch, proposal, refused } = report;
    return {
      commit,
      delivered,
      ...(refused && { refused }),
      ...(proposal && { proposal: { ...proposal, into: branch } }),
    };
  }

  async close(): Promise<void> {
    await this.#options.close();
  }
}

function toDelivered(pushed: PushedSignature): Delivered | Rejection | undefined {
  if (pushed.status === 'refused') return pushed.rejection;
  if (pushed.status === 'would-be-new') return undefined;
  const { path, status, warnings } = pushed;
  return { path, isNew: status === 'new', isProposed: status === 'proposed', warnings };
}
