// Links between the status pages: relative, so that they hold below any path of a proxy.
import { describeDirectory, parseAnyDirectory } from '../../../generator/terms/release-location.ts';
import { type Html, html } from '../../html/html.ts';

/** A link to the page of an image, by its repository and its digest. */
export function renderImageLink(directory: string): Html {
  const { digestHex = '' } = parseAnyDirectory(directory) ?? {};
  const name = describeDirectory(directory);
  return html`<a href="${imageAddress(directory)}">${name} ${renderDigest(digestHex)}</a>`;
}

/** A link to the page of an image from that of its repository. */
export function renderDigestLink(directory: string): Html {
  const { digestHex = '' } = parseAnyDirectory(directory) ?? {};
  return html`<a href="${imageAddress(directory)}">${renderDigest(digestHex)}</a>`;
}

export function renderRepositoryLink(repository: string): Html {
  return html`<a href="${addressOf('repository', { name: repository })}">${repository}</a>`;
}

/** Cut short for the eye only: who copies it gets all of it. */
export function renderDigest(digestHex: string): Html {
  const digest = `sha256:${digestHex}`;
  return html`<code class="short" title="${digest}">${digest}</code>`;
}

/** Likewise. */
export function renderFingerprint(fingerprint: string): Html {
  return html`<code class="short" title="${fingerprint}">${fingerprint}</code>`;
}

/** An address of these pages with its parameters. */
export function addressOf(page: string, parameters: Readonly<Record<string, string>>): string {
  const query = Object.entries(parameters).map(
    ([name, value]) => `${name}=${encodeURIComponent(value.toWellFormed())}`,
  );
  return [page, query.join('&')].filter(Boolean).join('?');
}

function imageAddress(directory: string): string {
  return addressOf('image', { directory });
}
