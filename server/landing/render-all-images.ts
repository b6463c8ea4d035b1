// What a node would need to ask for signatures of all images there are: apart from the way, as it stops
// what a platform runs itself.
import { type Html, html } from '../html/html.ts';
import { renderBlock } from '../html/render-block.ts';
import type { PageFacts } from './page-facts.ts';
import { fetchWithBackup } from './fetch-commands.ts';
import { PLATFORMS } from './platforms.ts';
import { renderPlatforms } from './render-platforms.ts';

/** Folded away, with what it would stop first. `rest` is what follows for those who need it. */
export function renderAllImages(facts: PageFacts, rest: Html): Html {
  const files = facts.downloads.filter(
    ({ installedAt = '' }) =>
      installedAt.endsWith('/default.yaml') || installedAt.endsWith('/policy.json'),
  );
  return html`<details>
    <summary>Require signatures of all images</summary>
    <div class="warning">
      <p>
        <strong>This stops what a platform runs itself.</strong> A node then refuses every image
        that nobody has signed for this store, and while the store cannot be reached, every image.
        These platforms pull images of their own:
      </p>
      ${renderPlatforms(PLATFORMS)}
      <p>
        Use it only on nodes of which you know every image, and keep the images that the store
        itself needs out of it.
      </p>
    </div>
    ${
      files.length > 1
        ? html`${renderBlock('both files, and what was there before', 'commands for all images', fetchWithBackup(files, facts))}
            <p>
              <code>default.yaml</code> replaces the distribution's file of that name: only one file
              may set what holds for all images. The keys are needed too.
            </p> `
        : undefined
    }
    ${rest}
  </details> `;
}
