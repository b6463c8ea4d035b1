// Signatures that go to the signature repository.
import type { Signature, Warning } from '../../generator/gate/judge.ts';
import type { PlacedSignature, PlacingJudge } from '../../generator/gate/placing-judge.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import { warnOfMissing } from '../../generator/store/report.ts';
import type { Rejection } from '../../generator/terms/rejection.ts';
import type { Candidate } from '../gather/candidate.ts';
import type { PushReport, PushedSignature } from '../push/push-report.ts';
import { Standing } from '../push/standing.ts';
import type { SignatureRepository } from '../target/signature-repository.ts';
import { type Delivered, type Delivery, type Destination, isMade, placeOf } from './destination.ts';
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
  /** The good signatures at the places that were looked at, by directory. */
  #standing: ReadonlyMap<string, readonly Signature[]> = new Map();

  constructor(options: RepositoryDestinationOptions) {
    this.#options = options;
  }

  get name(): string {
    const { location, branch } = this.#options.repository;
    return `${location} (${branch})`;
  }

  async findMade(
    statements: readonly Statement[],
    fingerprint: string,
  ): Promise<ReadonlySet<string>> {
    const { repository, policy, judge, subtree, now } = this.#options;
    const placed = statements.flatMap((statement) => {
      const place = placeOf(policy, statement);
      return place ? [{ statement, place }] : [];
    });
    const standing = new Standing(repository, subtree, judge, now());
    const found = await standing.find(placed.map(({ place }) => place));
    this.#standing = new Map(
      [...found].map(([directory, files]) => [
        directory,
        files.flatMap(({ signature }) => (signature ? [signature] : [])),
      ]),
    );
    const made = placed.filter(({ statement, place }) =>
      isMade(statement, fingerprint, this.#standing.get(place.directory) ?? []),
    );
    return new Set(made.map(({ statement }) => statementId(statement)));
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
    const delivered = report.signatures.map((pushed, index) =>
      toDelivered(pushed, this.#warn(signatures, signatures[index])),
    );
    const { commit, branch, proposal } = report;
    return { commit, delivered, ...(proposal && { proposal: { ...proposal, into: branch } }) };
  }

  async close(): Promise<void> {
    await this.#options.close();
  }

  #warn(
    signatures: readonly PlacedSignature[],
    placed: PlacedSignature | undefined,
  ): readonly Warning[] {
    if (!placed) return [];
    const { directory } = placed.place;
    const beside = signatures.filter(({ place }) => place.directory === directory);
    const standing = this.#standing.get(directory) ?? [];
    return warnOfMissing(placed.signature, [
      ...standing,
      ...beside.map(({ signature }) => signature),
    ]);
  }
}

function toDelivered(pushed: PushedSignature, warnings: readonly Warning[]): Delivered | Rejection {
  if (pushed.status === 'refused') return pushed.rejection;
  return { path: pushed.path, isNew: pushed.status === 'new', warnings };
}
