// `lookaside promote --list`: what a stage has and the next one lacks.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { styleText } from 'node:util';
import type { Signature } from '../../generator/gate/judge.ts';
import { type SignedBy, findScope } from '../../generator/policy/policy.ts';
import { formatReference } from '../../generator/policy/signed-identity.ts';
import { formatJson, toLine } from '../../generator/terms/text.ts';
import {
  type PublishedFile,
  PublishedSignatures,
} from '../../signing/push/published-signatures.ts';
import { placeOf } from '../../signing/sign/destination.ts';
import type { Statement } from '../../signing/sign/statement.ts';
import { describeDemand } from '../../signing/stage/signer-demand.ts';
import { countsFor } from '../../signing/stage/stage.ts';
import { hasColour, type ProcessIo, write } from '../base/process-io.ts';
import { type OpenTarget, openTarget } from '../inputs/open-target.ts';
import {
  type AssessedImage,
  type ResolvedPromotion,
  missingOf,
  signersOfAll,
} from './assess-images.ts';
import { formatAgeOf, formatSigner, toImageObject } from './format-promoted.ts';
import { type PromoteRun, toTargetSettings } from './promote-run.ts';

/** An image that the next stage does not accept yet. */
interface QueuedImage {
  readonly assessed: AssessedImage;
  /**
   * `ready`: whoever is to sign for the next stage can. `waiting`: demanded signers are missing at its stage, or anybody
   * where nobody is demanded.
   * `no-scope`: the next stage takes no signature for it.
   */
  readonly status: 'ready' | 'waiting' | 'no-scope';
  /** Who still has to sign for the next stage: fingerprints, of each line one is enough. */
  readonly toSign: readonly (readonly string[])[];
}

const LABELS = { ready: 'ready', waiting: 'waiting', 'no-scope': 'no scope' } as const;
const COLOURS = { ready: 'green', waiting: 'yellow', 'no-scope': 'red' } as const;
const WIDTH = 10;

/** Tells of images that the next stage does not accept yet; gives the exit code. */
export async function listQueue(
  images: readonly AssessedImage[],
  { settings, io, directory, ending, demands }: PromoteRun,
): Promise<number> {
  const place = join(directory, 'next');
  await mkdir(place);
  const given = toTargetSettings(settings);
  const target = await openTarget(settings.to ?? '', given, io, place, ending);
  try {
    const queue = await findQueued(images, target, demands.length > 0);
    const { location, branch } = target.repository;
    const to = `${location} (${branch})`;
    const text =
      settings.format === 'json'
        ? `${formatJson({ version: 1, to, images: queue.map(toQueueObject) }, 2)}\n`
        : formatQueue(queue, to, io);
    await write(io.stdout, text);
    return 0;
  } finally {
    await target.close();
  }
}

async function findQueued(
  images: readonly AssessedImage[],
  target: OpenTarget,
  hasDemands: boolean,
): Promise<readonly QueuedImage[]> {
  const { repository, policy, judge } = target;
  const places = images.flatMap(({ image }) =>
    image.statements.flatMap((statement) => placeOf(policy, statement) ?? []),
  );
  const { subtree } = await target.readRule();
  const published = new PublishedSignatures(repository, subtree, judge, new Date());
  const found = await published.find(places);
  return images.flatMap((assessed): readonly QueuedImage[] => {
    const scope = findScope(policy, assessed.image.target);
    if (!scope || scope.signedBy.length === 0) {
      return [{ assessed, status: 'no-scope', toSign: [] }];
    }
    const lacking = assessed.image.statements.flatMap((statement) => {
      const there = signaturesOf(statement, assessed.image, target, found);
      return scope.signedBy.filter((wanted) => !there.some(({ meets }) => meets.includes(wanted)));
    });
    if (lacking.length === 0) return [];
    const isReady = hasDemands
      ? missingOf(assessed).length === 0
      : signersOfAll(assessed).length > 0;
    const status = isReady ? 'ready' : 'waiting';
    return [{ assessed, status, toSign: [...new Set(lacking)].map(fingerprintsOf) }];
  });
}

function signaturesOf(
  statement: Statement,
  { target: image }: ResolvedPromotion,
  { policy }: OpenTarget,
  found: ReadonlyMap<string, readonly PublishedFile[]>,
): readonly Signature[] {
  const files = found.get(placeOf(policy, statement)?.directory ?? '') ?? [];
  return files
    .flatMap(({ signature }) => signature ?? [])
    .filter((signature) => countsFor(policy, image, signature));
}

function fingerprintsOf({ keyring }: SignedBy): readonly string[] {
  return keyring.keys.map(({ fingerprint }) => fingerprint);
}

function formatQueue(queue: readonly QueuedImage[], to: string, io: ProcessIo): string {
  const now = Date.now();
  const hasColours = hasColour(io.stdout, io.environment);
  const lines = queue.map(({ assessed, status, toSign }) => {
    const { name, digestHex, target } = assessed.image;
    const signers = signersOfAll(assessed);
    const by = signers.length === 0 ? 'nobody' : signers.map(formatSigner).join(' and ');
    const missing = missingOf(assessed).map(describeDemand);
    const lack = missing.length === 0 ? '' : `; lacks ${missing.join(' and ')}`;
    const wanted = toSign.map((one) => one.join(' or ')).join(' and ');
    const next =
      status === 'no-scope'
        ? `; no scope there covers ${formatReference(target)}`
        : `; to be signed there by ${wanted}`;
    const label = LABELS[status].padEnd(WIDTH);
    const painted = hasColours
      ? styleText(COLOURS[status], label, { validateStream: false })
      : label;
    const age = formatAgeOf(signers, now);
    return `${painted}${toLine(`${name}, sha256:${digestHex}: signed by ${by}${age}${lack}${next}`)}`;
  });
  const count = (wanted: QueuedImage['status']): number =>
    queue.filter(({ status }) => status === wanted).length;
  const summary =
    queue.length === 0
      ? `nothing to promote: ${to} has it all`
      : `${to} lacks ${queue.length}: ${count('ready')} ready, ${count('waiting')} waiting, ${count('no-scope')} without a scope`;
  return [...lines, toLine(summary), ''].join('\n');
}

function toQueueObject({ assessed, status, toSign }: QueuedImage): object {
  return { ...toImageObject(assessed), status, toSign };
}
