// Signs what is wanted, and has the gate judge each signature as nodes would. The first signature under
// each name is a trial of key, passphrase and policy: where one is refused, no other is made.
import { formatPayload } from '../../generator/gate/claims.ts';
import type { PlacedSignature } from '../../generator/gate/placing-judge.ts';
import { type Rejection, isRejection } from '../../generator/terms/rejection.ts';
import type { Destination } from './destination.ts';
import type { Gpg } from './gpg.ts';
import type { ChosenKey } from './secret-keys.ts';
import { type Statement, statementId, toClaims } from './statement.ts';

export interface SignOptions {
  readonly gpg: Gpg;
  readonly key: ChosenKey;
  readonly destination: Pick<Destination, 'judge'>;
  /** The program that signs, for the claims: `lookaside 1.2.0`. */
  readonly creator: string;
  readonly now: () => Date;
  /** Called after each signature. */
  readonly onSigned: () => void;
}

/** The verdicts about new signatures, by the `statementId` of what they say. */
export type Verdicts = ReadonlyMap<string, PlacedSignature | Rejection>;

/**
 * Signs statements. If any verdict is a rejection, what has no verdict was not signed, and nothing
 * should be done with what is good.
 * @throws SigningError where gpg cannot sign.
 */
export async function signStatements(
  statements: readonly Statement[],
  options: SignOptions,
): Promise<Verdicts> {
  const trials = new Map<string, Statement>();
  for (const statement of statements) {
    if (!trials.has(statement.identity)) trials.set(statement.identity, statement);
  }
  const verdicts = await signAll(trials.values(), options);
  if ([...verdicts.values()].some(isRejection)) return verdicts;
  const rest = statements.filter((one) => !verdicts.has(statementId(one)));
  return new Map([...verdicts, ...(await signAll(rest, options))]);
}

async function signAll(statements: Iterable<Statement>, options: SignOptions): Promise<Verdicts> {
  const verdicts = new Map<string, PlacedSignature | Rejection>();
  // One by one: an agent signs no faster for several at once.
  for (const statement of statements) {
    const id = statementId(statement);
    if (verdicts.has(id)) continue;
    verdicts.set(id, await signOne(statement, options));
    options.onSigned();
  }
  return verdicts;
}

async function signOne(
  statement: Statement,
  { gpg, key, destination, creator, now }: SignOptions,
): Promise<PlacedSignature | Rejection> {
  const seconds = Math.floor(now().getTime() / 1000);
  const payload = formatPayload(toClaims(statement, creator, seconds));
  return destination.judge(await gpg.sign(payload, key));
}
