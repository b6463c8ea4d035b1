// Why a lookup found nothing, with what was found and the next step.
import type { QuarantinedFile, SignedImage } from '../../../generator/explain/reason.ts';
import { formatDirectory } from '../../../generator/terms/location.ts';
import { type Html, html } from '../../html/html.ts';
import { renderAdvice } from '../../html/render-advice.ts';
import { renderImageLink } from './links.ts';
import type { FoundReason } from './overview-facts.ts';
import { type PageView, renderChange } from './render-commit.ts';
import { renderTime } from './render-time.ts';

/** Undefined while it is not found out. `about` names the image among others of the page. */
export function renderReason(reason: FoundReason, about: string): Html {
  if (reason === 'nothing-loaded') {
    return html`<p class="soft">The reason is known once the signatures are loaded.</p>`;
  }
  if (!reason) return html`<p class="soft">The reason is being looked up.</p>`;
  return html`<p><code class="code">${reason.code}</code> ${reason.message}</p>
    ${renderAdvice(reason.next, `the next step for ${about}`)} `;
}

/** What the reason rests on, as far as its sentence does not say it. */
export function renderFindings(reason: FoundReason, view: PageView): Html | undefined {
  if (reason === 'nothing-loaded') return undefined;
  switch (reason?.code) {
    case 'quarantined':
      return renderFiles(reason.files, view);
    case 'removed':
      return html`<p>${renderChange(reason.commit, 'Removed', view)}</p> `;
    case 'elsewhere':
    case 'other-digests':
      return renderImages(reason.images, view);
    case 'unknown-repository':
    case undefined:
      return undefined;
  }
}

function renderFiles(files: readonly QuarantinedFile[], view: PageView): Html {
  const items = files.map(
    ({ path, code, message, hint, commit }) =>
      html`<li>
        <code>${path}</code>
        <p><code class="code">${code}</code> ${message}</p>
        ${renderAdvice(hint, `the cure for ${path}`)}
        ${commit ? html`<p class="soft">${renderChange(commit, 'Added', view)}</p>` : undefined}
      </li> `,
  );
  return html`<p class="label">Rejected files</p>
    <ul class="findings">
      ${items}
    </ul> `;
}

function renderImages(images: readonly SignedImage[], view: PageView): Html {
  const items = images.map(
    ({ repository, digest, identity, signedAt }) =>
      html`<li>
        ${renderImageLink(formatDirectory(repository, digest.slice('sha256:'.length)))}
        <p class="soft">signed as <code>${identity}</code>, ${renderTime(signedAt, view.now)}</p>
      </li> `,
  );
  return html`<p class="label">What is signed</p>
    <ul class="findings">
      ${items}
    </ul> `;
}
