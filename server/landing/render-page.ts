// The page for people at `/`: what this store is, whose signatures it serves, and how a node
// uses it. It needs nothing from anywhere else, and no script to be read.
import { readFileSync } from 'node:fs';
import { formatStoreUrl } from '../../generator/nodes/store-url.ts';
import { formatDirectory, formatLocation } from '../../generator/terms/location.ts';
import { countOf, renderFact } from '../html/facts.ts';
import { type Html, html } from '../html/html.ts';
import { BASE_STYLE, COPY_BUTTONS, ICON, createInline } from '../html/inline.ts';
import type { PageSources } from '../html/page-headers.ts';
import { renderBlock } from '../html/render-block.ts';
import { formatExampleSection } from './node-guide.ts';
import type { PageFacts, ServedSummary } from './page-facts.ts';
import { renderScope, renderTitle } from './render-scope.ts';
import { renderAskedSetup, renderSetup } from './render-setup.ts';

/** The page as HTML, which is XML too. */
export function renderPage(facts: PageFacts): string {
  const page = html`<!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Lookaside signature store</title>
        <link rel="icon" href="${ICON}" />
        ${STYLE.element}
      </head>
      <body>
        <a class="skip" href="#content">Skip to content</a>
        <header>
          <h1>Lookaside signature store</h1>
          <p>
            This server holds detached signatures of container images. Podman, CRI-O, Skopeo and
            Buildah ask it whether an image is signed before they use it.
          </p>
          ${renderServed(facts)}
        </header>
        <nav aria-label="On this page">${renderContents(facts)}</nav>
        <main id="content" tabindex="-1">${renderMain(facts)}</main>
        <footer>
          <p>A node trusts only its own policy and keys. It never has to trust this server.</p>
          <p>
            For those who run it: images that nodes looked up without a signature, rejected files
            and troubles are on the pages of its status listener (<code>serve --status-listen</code
            >), which are not public.
          </p>
        </footer>
        <p id="announcement" class="unseen" role="status"></p>
        ${SCRIPT.element}
      </body>
    </html> `;
  return page.markup;
}

function renderMain(facts: PageFacts): Html {
  const { question } = facts;
  if (question) return renderAskedSetup(facts, question.text, question.answer);
  return html`${facts.scopes.length > 0 ? [renderSetup(facts), renderScopes(facts)] : renderWithoutScopes(facts)}
  ${SIGNING} ${renderPlaces(facts)}`;
}

const readBeside = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');

const STYLE = createInline('style', BASE_STYLE + readBeside('landing-page.css'));
const SCRIPT = createInline('script', COPY_BUTTONS);

/** What the content security policy of the page has to allow. */
export const PAGE_SOURCES: PageSources = {
  styleSrc: [STYLE.source],
  scriptSrc: [SCRIPT.source],
  imgSrc: ['data:'],
  formAction: ["'self'"],
};

/** The facts of the store, as a list. */
function renderServed({ served, url, keyCount }: PageFacts): Html {
  const facts = [
    renderFact('Address', html`<code>${formatStoreUrl(url, '')}</code>`),
    renderFact('Serves', describeServed(served)),
    served?.commit ? renderFact('Commit', html`<code>${served.commit}</code>`) : undefined,
    served ? renderFact('Since', renderTime(served.loadedAt)) : undefined,
    renderFact('Checks', describeChecks(keyCount)),
  ];
  return html`<dl>${facts}</dl>`;
}

function describeServed(served: ServedSummary | undefined): string {
  if (!served) return 'The signatures are being loaded.';
  const { signatures, repositories } = served;
  const of = countOf(repositories, 'repository', 'repositories');
  return `${countOf(signatures, 'signature')} of ${of}`;
}

function describeChecks(keyCount: number | undefined): string {
  return keyCount === undefined
    ? 'the form of signatures, not who made them'
    : `every signature, against ${countOf(keyCount, 'key')}`;
}

/** ISO 8601, to the minute. */
function renderTime(time: string): Html {
  return html`<time datetime="${time}">${time.slice(0, 16).replace('T', ' ')} UTC</time>`;
}

/** Links to the sections. */
function renderContents({ scopes, question }: PageFacts): Html {
  if (question) {
    return html`<ul>
      <li><a href="#setup">Set up a node</a></li>
      <li><a href="./">The whole store</a></li>
    </ul>`;
  }
  const links = scopes.map(
    (scope) => html`<li><a href="#${scope.id}">${renderTitle(scope)}</a></li> `,
  );
  const own =
    scopes.length === 0
      ? html`<li><a href="#use">Use it on a node</a></li>`
      : html`<li><a href="#setup">Set up a node</a></li>
          <li>
            <a href="#scopes">Whose signatures count</a>
            <ul>
              ${links}
            </ul>
          </li>`;
  return html`<ul>
    ${own}
    <li><a href="#sign">Sign an image</a></li>
    <li><a href="#places">Where a signature is</a></li>
  </ul>`;
}

/** Above, what nodes need for each scope is folded away. */
const SHOWN_SCOPES = 8;

/** The sections of all scopes. */
function renderScopes(facts: PageFacts): Html {
  const { scopes, otherScopes } = facts;
  return html`<section id="scopes">
    <h2>Whose signatures count</h2>
    <p>
      For each group of images: the keys that may sign, and what to tell a node.
      ${describeOthers(otherScopes)}
    </p>
    ${scopes.map((scope) => renderScope(scope, facts, scopes.length > SHOWN_SCOPES))}
  </section> `;
}

function describeOthers(otherScopes: number): string {
  if (otherScopes === 0) return '';
  return otherScopes === 1
    ? 'One more group asks for something other than signatures by keys that are known here, and is not shown.'
    : `${otherScopes} more groups ask for something other than signatures by keys that are known here, and are not shown.`;
}

/** How to use a store that cannot say whose signatures it has. */
function renderWithoutScopes({ url, keyCount }: PageFacts): Html {
  const why =
    keyCount === undefined
      ? html`<p class="warning">
          <strong>Signatures are not checked here.</strong> This server has no keys: it serves
          whatever has the form of a signature. Nodes check it with their own keys.
        </p>`
      : html`<p>
          This store checks signatures by a policy that asks for more than signatures by keys.
        </p>`;
  return html`<section id="use">
    <h2>Use it on a node</h2>
    ${why}
    <p>
      Name the store for your registry. Policy and keys come from the people who sign, not from
      here.
    </p>
    ${renderBlock(html`<code>/etc/containers/registries.d/lookaside.yaml</code>`, 'registries.d section', formatExampleSection(url))}
  </section> `;
}

/** The ways in: with Lookaside alone, or from what skopeo and podman have signed. */
const SIGNING = html`<section id="sign">
  <h2>Sign an image</h2>
  <p>
    Signatures come here from a git repository. Push the image to its registry first, and sign it
    under the name that nodes pull, with its tag. KEY is your key as gpg knows it, REPOSITORY the
    git repository; the people who run this store know where that is.
  </p>
  ${renderBlock('sign and push', 'commands that sign with lookaside', "lookaside sign 'registry.example.com/team/app:1.0' --sign-by KEY --to REPOSITORY")}
  ${renderBlock(
    'or take to the repository what skopeo and podman have signed',
    'commands that sign with skopeo',
    `IMAGE='registry.example.com/team/app:1.0'
skopeo copy --all --sign-by KEY "docker://$IMAGE" "docker://$IMAGE"
lookaside push /var/lib/containers/sigstore --to REPOSITORY`,
  )}
  <p>
    skopeo and podman leave signatures in the directory that registries.d calls
    <code>lookaside-staging</code>; for root it is <code>/var/lib/containers/sigstore</code> unless
    somebody has changed it. A signature is served within seconds after the push.
  </p>
</section> `;

/** Where signatures lie, and what the server's answers mean. */
function renderPlaces({ url }: PageFacts): Html {
  const place = formatLocation(formatDirectory('NAMESPACE/NAME', 'HEX'), 1);
  return html`<section id="places">
    <h2>Where a signature is</h2>
    ${renderBlock('the first signature of an image', 'address of a signature', formatStoreUrl(url, place))}
    <p>
      HEX is the sha256 digest of the image's manifest; for a multi-platform image, of the manifest
      for the platform that is pulled. Signatures are numbered from 1. The answer 200 is a
      signature, and 404 is the end of the list: for number 1 it means that the image has no
      signature here.
    </p>
  </section> `;
}
