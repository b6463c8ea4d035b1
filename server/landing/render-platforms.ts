import { type Html, html } from '../html/html.ts';
import type { Platform } from './platforms.ts';

/** Platforms with the places of their images. */
export function renderPlatforms(platforms: readonly Platform[]): Html {
  const items = platforms.map(
    ({ name, scopes }) =>
      html`<li>
        ${name}
        (${scopes.map((scope, index) => html`${index > 0 ? ', ' : ''}<code>${scope}</code>`)})
      </li> `,
  );
  return html`<ul class="files">
    ${items}
  </ul> `;
}
