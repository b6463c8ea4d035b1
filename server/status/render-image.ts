import { type Html, type Part, html } from '../html/html.ts';
import { renderFact } from '../html/facts.ts';
import type { Signature, Warning } from '../../generator/gate/judge.ts';
import { formatClaims } from '../../generator/store/report.ts';
import type { FoundRejected } from '../search/find-rejected.ts';
import type { HistoryCommit } from '../../generator/sources/source.ts';
import { formatLocation, parseDirectory } from '../../generator/terms/location.ts';
import { renderDigest, renderRepositoryLink } from './parts/links.ts';
import type { ExplainedPull, FoundReason } from './parts/overview-facts.ts';
import { renderClients, renderWhen } from './parts/render-pulls.ts';
import { renderChange, renderFindings, renderReason } from './parts/render-reason.ts';
import { renderSomeRejected } from './parts/render-rejected.ts';
import { renderTime } from './parts/render-time.ts';

/** A signature that is served. */
export interface ShownSignature {
  /** Under which it is served. */
  readonly number: number;
  /** In the source. */
  readonly path: string;
  readonly signature: Signature;
  readonly warnings: readonly Warning[];
  /** Undefined for a signer that the policy does not name. */
  readonly userIds: readonly string[] | undefined;
  /** That brought the file; undefined where git does not tell, or has not told yet. */
  readonly commit: HistoryCommit | undefined;
}

export interface ImageFacts {
  readonly now: Date;
  readonly directory: string;
  readonly signatures: readonly ShownSignature[];
  readonly pull: ExplainedPull | undefined;
  /** Why there is no signature; undefined where there is, or where it is not found out. */
  readonly reason: FoundReason;
  readonly rejected: FoundRejected;
}

export function renderImage(facts: ImageFacts): Html {
  const { directory, signatures, rejected, reason } = facts;
  const told =
    typeof reason === 'object' && reason.code === 'quarantined' ? reason.files.length : 0;
  const { repository = directory, digestHex = '' } = parseDirectory(directory) ?? {};
  return html`<dl>
      ${renderFact('Repository', renderRepositoryLink(repository))}
      ${renderFact('Digest', html`<code>sha256:${digestHex}</code>`)}
      ${renderFact('Directory', html`<code>${directory}</code>`)}
    </dl>
    ${signatures.length === 0 || facts.pull ? renderRefusal(facts) : undefined}
    ${signatures.map((shown) => renderSignature(facts, shown))}
    ${
      rejected.total > told
        ? html`<section aria-labelledby="rejected">
            <h2 id="rejected">Rejected files</h2>
            ${renderSomeRejected(rejected, { digest: `sha256:${digestHex}` })}
          </section> `
        : undefined
    }`;
}

function renderRefusal({ pull, reason, now }: ImageFacts): Html {
  const unsigned = reason === 'nothing-loaded' ? 'Not known yet' : 'Not signed';
  return html`<section aria-labelledby="refused">
    <h2 id="refused">${pull ? 'Refused' : unsigned}</h2>
    ${renderReason(reason)}${pull ? [renderWhen(pull, now), renderClients(pull)] : undefined}
    ${renderFindings(reason, now)}
  </section> `;
}

function renderSignature({ directory, now }: ImageFacts, shown: ShownSignature): Html {
  const { number, path, signature, warnings, commit } = shown;
  const { dockerReference, creator, timestamp } = formatClaims(signature.claims);
  const servedAs = `/${formatLocation(directory, number)}`;
  const brought = commit ? html`<p class="soft">${renderChange(commit, 'Brought', now)}</p>` : '';
  return html`<section aria-labelledby="signature-of-${number}">
    <h2 id="signature-of-${number}">Signature ${number}</h2>
    ${warnings.map(({ code, message }) => html`<p class="warning"><code class="code">${code}</code> ${message}</p>`)}
    <dl>
      ${renderFact('Signed as', dockerReference)}
      ${renderFact('Digest', renderDigest(signature.claims.manifestDigest.slice('sha256:'.length)))}
      ${renderFact('Signer', renderSigner(shown))}
      ${renderFact('Made', renderTime(signature.signedAt, now))}
      ${timestamp === null ? undefined : renderFact('Timestamp', renderTime(timestamp, now))}
      ${creator === null ? undefined : renderFact('Creator', creator)}
      ${renderFact('Good for', signature.scope.name === '' ? 'all that no other scope covers' : signature.scope.name)}
      ${renderFact('Good until', signature.validUntil === Infinity ? 'no end' : renderTime(signature.validUntil, now))}
      ${renderFact('File', [html`<code>${path}</code>`, brought])}
      ${renderFact('Served as', html`<code>${servedAs}</code>`)}
    </dl>
  </section> `;
}

function renderSigner({ signature: { signer }, userIds = [] }: ShownSignature): Part {
  if (!signer) return 'not checked, as no keys are given';
  const { fingerprint, primaryFingerprint } = signer;
  return [
    html`<code>${primaryFingerprint}</code>`,
    fingerprint === primaryFingerprint
      ? undefined
      : html`<span class="user">by its subkey <code>${fingerprint}</code></span>`,
    userIds.map((userId) => html`<span class="user">${userId}</span>`),
  ];
}
