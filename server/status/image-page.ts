import { setTimeout as sleep } from 'node:timers/promises';
import type { Signature, Warning } from '../../generator/gate/judge.ts';
import type { HistoryCommit } from '../../generator/sources/source.ts';
import { type RejectedFile, formatClaims } from '../../generator/store/report.ts';
import { formatDirectory, formatLocation } from '../../generator/terms/location.ts';
import {
  describeDirectory,
  isReleaseDirectory,
  parseAnyDirectory,
} from '../../generator/terms/release-location.ts';
import { abbreviate, formatBytes } from '../../generator/terms/text.ts';
import { countOf, renderFact } from '../html/facts.ts';
import { type Html, type Part, html } from '../html/html.ts';
import type { FoundPage } from '../search/find-page.ts';
import { PATIENCE } from './explain-pulls.ts';
import { type Page, type PageRequest, notLoaded, readParameter, refuseQuery } from './page.ts';
import { renderDigest, renderFingerprint, renderRepositoryLink } from './parts/links.ts';
import type { ExplainedPull, FoundReason, StatusKey } from './parts/overview-facts.ts';
import { renderAsk } from './parts/render-ask.ts';
import { type PageView, renderChange } from './parts/render-commit.ts';
import { nameImage, renderClients, renderWhen } from './parts/render-pulls.ts';
import { renderKeyState } from './parts/render-keys.ts';
import { renderFindings, renderReason } from './parts/render-reason.ts';
import { renderSomeRejected } from './parts/render-rejected.ts';
import { renderTable } from './parts/render-table.ts';
import { renderTime } from './parts/render-time.ts';
import type { StatusServices } from './services.ts';
import { readStatusKeys } from './status-keys.ts';

/** What is known of an image or a release: `?directory=REPOSITORY@sha256=HEX` or `?directory=sha256=HEX`, or `?repository=…&digest=sha256:HEX`. */
export async function makeImagePage(request: PageRequest): Promise<Page> {
  const { query, services } = request;
  const directory = readDirectory(query);
  const place = parseAnyDirectory(directory);
  if (!place) {
    return refuseQuery(
      'directory= takes one image, such as team/app@sha256=…, with all 64 digits of the digest.',
    );
  }
  const facts = await readImage(directory, request);
  if (!services.refresher.store()) {
    return notLoaded(services.refresher.status(), renderImage(facts));
  }
  const name = `${describeDirectory(directory)} sha256:${abbreviate(place.digestHex)}`;
  const isKnown = facts.signatures.length + facts.rejected.total > 0 || facts.pull !== undefined;
  return {
    status: isKnown ? 200 : 404,
    title: isKnown ? name : `${name} is not known here`,
    content: renderImage(facts),
  };
}

/** '' for what is none. */
function readDirectory(query: PageRequest['query']): string {
  const directory = readParameter(query, 'directory')?.replace('@sha256:', '@sha256=');
  const repository = readParameter(query, 'repository');
  const digest = readParameter(query, 'digest')?.replace(/^sha256:/, '');
  if (directory === undefined || repository === undefined || digest === undefined) return '';
  return directory === '' ? formatDirectory(repository, digest) : directory;
}

/** Gathers what is known of an image. */
async function readImage(
  directory: string,
  { services, searches, signal, now, commitUrl }: PageRequest,
): Promise<ImageFacts> {
  const { refresher, refused, reasons } = services;
  const signatures = await readSignatures(directory, services, now);
  const pull = refused.find(directory);
  const { digestHex = '' } = parseAnyDirectory(directory) ?? {};
  const rejected = await searches.rejectedOf(digestHex);
  const findReason = async (): Promise<FoundReason> => {
    if (!refresher.store()) return 'nothing-loaded';
    // Git is not asked of whatever strangers make up.
    if (!pull && rejected.total === 0) return searches.reason(directory, signal);
    return (await reasons.of([directory], PATIENCE)).get(directory);
  };
  const reason = signatures.length === 0 ? await findReason() : undefined;
  return {
    now,
    commitUrl,
    directory,
    signatures,
    pull: pull && { ...pull, reason },
    reason,
    rejected,
  };
}

async function readSignatures(
  directory: string,
  { refresher, policy, reasons }: StatusServices,
  now: Date,
): Promise<readonly ShownSignature[]> {
  const store = refresher.store();
  if (!store) return [];
  const files = store.servedFilesIn(directory);
  const warnings = new Map(
    store
      .filesIn(directory)
      .flatMap((file) => ('warnings' in file ? [[file.path, file.warnings] as const] : [])),
  );
  const keys = new Map(
    readStatusKeys(policy(), store, now)?.map((key) => [key.fingerprint, key] as const),
  );
  const commits = await findChanges(
    files.map(({ path }) => path),
    async (path) => reasons.lastChange(path, 'served'),
  );
  return files.map(({ path, signature, older }) => ({
    number: store.numberOf(directory, signature),
    path,
    signature,
    warnings: warnings.get(path) ?? [],
    key: keys.get(signature.signer?.primaryFingerprint ?? ''),
    // What last changed the path brought the file after it.
    commit: older ? undefined : commits.get(path),
  }));
}

/** One after the other, as far as git answers in time; the rest is asked for the next time. */
async function findChanges(
  paths: readonly string[],
  lastChange: (path: string) => Promise<HistoryCommit | undefined>,
): Promise<ReadonlyMap<string, HistoryCommit | undefined>> {
  const changes = new Map<string, HistoryCommit | undefined>();
  const late = sleep<'late'>(PATIENCE, 'late', { ref: false });
  for (const path of paths) {
    const change = await Promise.race([lastChange(path), late]);
    if (change === 'late') break;
    changes.set(path, change);
  }
  return changes;
}

/** A signature that is served. */
interface ShownSignature {
  /** Under which it is served. */
  readonly number: number;
  /** In the source. */
  readonly path: string;
  readonly signature: Signature;
  readonly warnings: readonly Warning[];
  /** Undefined for a signer that the policy does not name. */
  readonly key: StatusKey | undefined;
  /** That brought the file; undefined where git does not tell, or has not told yet. */
  readonly commit: HistoryCommit | undefined;
}

interface ImageFacts extends PageView {
  readonly directory: string;
  readonly signatures: readonly ShownSignature[];
  readonly pull: ExplainedPull | undefined;
  /** Why there is no signature; undefined where there is, or where it is not found out. */
  readonly reason: FoundReason;
  readonly rejected: FoundPage<RejectedFile>;
}

function renderImage(facts: ImageFacts): Html {
  const { directory, signatures, rejected, reason } = facts;
  const told =
    typeof reason === 'object' && reason.code === 'quarantined' ? reason.files.length : 0;
  const { repository = directory, digestHex = '' } = parseAnyDirectory(directory) ?? {};
  const isRelease = isReleaseDirectory(directory);
  return html`<dl>
      ${isRelease ? undefined : renderFact('Repository', renderRepositoryLink(repository))}
      ${renderFact('Digest', html`<code>sha256:${digestHex}</code>`)}
      ${renderFact('Directory', html`<code>${directory}</code>`)}
    </dl>
    ${signatures.length === 0 || facts.pull ? renderRefusal(facts) : undefined}
    ${signatures.length > 0 ? renderSignatures(facts) : undefined}
    ${
      rejected.total > told
        ? html`<section aria-labelledby="rejected">
            <h2 id="rejected">Rejected files</h2>
            ${renderSomeRejected(rejected, { digest: `sha256:${digestHex}` })}
          </section> `
        : undefined
    }
    ${
      isRelease
        ? undefined
        : html`<section aria-labelledby="ask">
            <h2 id="ask">Would nodes accept this image?</h2>
            ${renderAsk(signatures[0]?.signature.claims.dockerReference ?? '', `sha256:${digestHex}`)}
          </section>`
    }`;
}

function renderRefusal(facts: ImageFacts): Html {
  const { pull, reason, directory } = facts;
  const unsigned = reason === 'nothing-loaded' ? 'Not known yet' : 'Not signed';
  return html`<section aria-labelledby="refused">
    <h2 id="refused">${pull ? 'No signature' : unsigned}</h2>
    ${renderReason(reason, nameImage(directory))}
    ${pull ? [renderWhen(pull, facts), renderClients(pull)] : undefined}
    ${renderFindings(reason, facts)}
  </section> `;
}

/** All of them at one look, and everything about each. */
function renderSignatures(facts: ImageFacts): Html {
  const { signatures, now } = facts;
  const rows = signatures.map((shown) => ({
    key: `row ${shown.number}`,
    cells: [
      `${shown.number}`,
      renderShortSigner(shown),
      shown.signature.claims.dockerReference,
      renderTime(shown.signature.signedAt, now),
      formatBytes(shown.signature.bytes.length),
      shown.key ? renderKeyState(shown.key, now) : 'not known here',
    ],
  }));
  const warned = signatures.filter(({ warnings }) => warnings.length > 0);
  return html`<section aria-labelledby="signatures">
    <h2 id="signatures">Signatures</h2>
    ${renderTable(
      countOf(signatures.length, 'signature'),
      ['Number', 'Signer', 'Signed as', 'Signed', 'Size', 'Key'],
      rows,
    )}
    ${warned.map(({ number, warnings }) =>
      warnings.map(
        ({ code, message }) =>
          html`<p class="warning">
            Signature ${number}: <code class="code">${code}</code> ${message}
          </p>`,
      ),
    )}
    ${signatures.map((shown) => renderSignature(facts, shown))}
  </section> `;
}

function renderShortSigner({ signature: { signer }, key }: ShownSignature): Part {
  if (!signer) return 'not checked';
  return [
    renderFingerprint(signer.primaryFingerprint),
    key?.userIds.map((userId) => html`<span class="user">${userId}</span>`),
  ];
}

function renderSignature(facts: ImageFacts, shown: ShownSignature): Html {
  const { directory, now } = facts;
  const { number, path, signature, commit } = shown;
  const { creator, timestamp, dockerReference } = formatClaims(signature.claims);
  const servedAs = `/${formatLocation(directory, number)}`;
  const brought = commit ? html`<p class="soft">${renderChange(commit, 'Added', facts)}</p>` : '';
  return html`<details id="signature-of-${number}" class="folded">
    <summary>Signature ${number}</summary>
    <dl>
      ${renderFact('Signed as', dockerReference)}
      ${renderFact('Digest', renderDigest(signature.claims.manifestDigest.slice('sha256:'.length)))}
      ${renderFact('Signer', renderSigner(shown))}
      ${renderFact('Signed', renderTime(signature.signedAt, now))}
      ${timestamp === null ? undefined : renderFact('Timestamp', renderTime(timestamp, now))}
      ${creator === null ? undefined : renderFact('Creator', creator)}
      ${renderFact('Valid for', signature.scope.name === '' ? 'all images outside the other scopes' : signature.scope.name)}
      ${renderFact('Valid until', signature.validUntil === Infinity ? 'no end' : renderTime(signature.validUntil, now))}
      ${renderFact('File', [html`<code>${path}</code>`, brought])}
      ${renderFact('Served as', html`<code>${servedAs}</code>`)}
    </dl>
  </details> `;
}

function renderSigner({ signature: { signer }, key }: ShownSignature): Part {
  if (!signer) return 'not checked, because the server has no keys';
  const { fingerprint, primaryFingerprint } = signer;
  return [
    html`<code>${primaryFingerprint}</code>`,
    fingerprint === primaryFingerprint
      ? undefined
      : html`<span class="user">by its subkey <code>${fingerprint}</code></span>`,
    key?.userIds.map((userId) => html`<span class="user">${userId}</span>`),
  ];
}
