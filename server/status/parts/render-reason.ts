// Why a lookup found nothing, with what was found and the next step.
import type { QuarantinedFile, SignedImage } from '../../../generator/explain/reason.ts';
import type { HistoryCommit } from '../../../generator/sources/source.ts';
import { formatDirectory } from '../../../generator/terms/location.ts';
import { type Html, html } from '../../html/html.ts';
import { renderImageLink } from './links.ts';
import type { FoundReason } from './overview-facts.ts';
import { renderCommit } from './render-state.ts';
import { renderTime } from './render-time.ts';

/** Undefined while it is not found out. */
export function renderReason(reason: FoundReason): Html {
  if (reason === 'nothing-loaded') {
    return html`<p class="soft">The reason is known once the signatures are loaded.</p>`;
  }
  if (!reason) return html`<p class="soft">The reason is being looked up.</p>`;
  return html`<p><code class="code">${reason.code}</code> ${reason.message}</p>
    <p class="next">${reason.next}</p> `;
}

/** What the reason rests on, as far as its sentence does not say it. */
export function renderFindings(reason: FoundReason, now: Date): Html | undefined {
  if (reason === 'nothing-loaded') return undefined;
  switch (reason?.code) {
    case 'quarantined':
      return renderFiles(reason.files, now);
    case 'removed':
      return html`<p>${renderChange(reason.commit, 'Removed', now)}</p> `;
    case 'elsewhere':
    case 'other-digests':
      return renderImages(reason.images, now);
    case 'unknown-repository':
    case undefined:
      return undefined;
  }
}

/** Who did it, when, and with which words. */
export function renderChange(commit: HistoryCommit, did: string, now: Date): Html {
  const { id, author, date, subject } = commit;
  return html`${did} by <bdi>${author.name}</bdi> &lt;<bdi dir="ltr">${author.email}</bdi>&gt;
    ${renderTime(date, now)} in commit ${renderCommit(id)}: <bdi>${subject}</bdi>`;
}

function renderFiles(files: readonly QuarantinedFile[], now: Date): Html {
  const items = files.map(
    ({ path, code, message, hint, commit }) =>
      html`<li>
        <code>${path}</code>
        <p><code class="code">${code}</code> ${message}</p>
        <p class="next">${hint}</p>
        ${commit ? html`<p class="soft">${renderChange(commit, 'Added', now)}</p>` : undefined}
      </li> `,
  );
  return html`<p class="label">Rejected files</p>
    <ul class="findings">
      ${items}
    </ul> `;
}

function renderImages(images: readonly SignedImage[], now: Date): Html {
  const items = images.map(
    ({ repository, digest, identity, signedAt }) =>
      html`<li>
        ${renderImageLink(formatDirectory(repository, digest.slice('sha256:'.length)))}
        <p class="soft">signed as <code>${identity}</code>, ${renderTime(signedAt, now)}</p>
      </li> `,
  );
  return html`<p class="label">What is signed</p>
    <ul class="findings">
      ${items}
    </ul> `;
}
