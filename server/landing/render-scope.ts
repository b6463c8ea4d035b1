// One scope: whose signatures its images need, and what a node needs to check them.
import { toShellWord } from '../../generator/terms/text.ts';
import { type StoreUrl, formatStoreUrl, parseStoreUrl } from '../../generator/nodes/store-url.ts';
import { renderBlock } from '../html/render-block.ts';
import { type Html, html } from '../html/html.ts';
import type { PageFacts, ScopeFacts } from './page-facts.ts';
import { renderAllImages } from './render-all-images.ts';
import { renderScopeKeys } from './render-scope-keys.ts';

/** Above, the files are folded away. */
const SHOWN_FILES = 4;

/** The section of a scope; what nodes need for it can be folded away. */
export function renderScope(scope: ScopeFacts, facts: PageFacts, isFolded: boolean): Html {
  const { id, name, title, signers, identity, groups, store } = scope;
  const { url } = facts;
  const label = title.toLowerCase();
  const blocks = renderBlocks(scope, url, label);
  return html`<section id="${id}" class="scope">
    <h3>${renderTitle(scope)}</h3>
    <p>${signers} ${identity}</p>
    ${store === undefined ? undefined : html`<p>Its signatures are in another store: <code>${store}</code></p> `}
    ${renderScopeKeys(groups, `Keys for ${label}`, facts)} ${renderKeyPaths(scope)}
    ${name === '' ? renderAllImages(facts, blocks) : undefined}
    ${name !== '' && isFolded ? fold(blocks, label) : undefined}
    ${name !== '' && !isFolded ? blocks : undefined}
  </section> `;
}

function fold(blocks: Html, label: string): Html {
  return html`<details>
    <summary>Set up and try ${label}</summary>
    ${blocks}
  </details> `;
}

function renderBlocks(scope: ScopeFacts, url: StoreUrl, label: string): Html {
  const { registriesFor, policyMember } = scope;
  const registries = registriesFor(url);
  const registriesFile = html`<code>/etc/containers/registries.d/${registries.file}</code>`;
  const policyFile = html`<code>/etc/containers/policy.json</code> in transports, docker`;
  return html`${renderBlock(registriesFile, `registries.d section of ${label}`, registries.text)}
  ${renderBlock(policyFile, `policy of ${label}`, policyMember)}
  ${renderBlock('Try it', `commands to try ${label}`, tryIt(scope, url))}`;
}

/** What a scope is called in headings and links. */
export function renderTitle({ name, title }: ScopeFacts): Html {
  return name === '' ? html`${title}` : html`<code>${title}</code>`;
}

function renderKeyPaths({ keyPaths, hasKeysOnNodes }: ScopeFacts): Html {
  const [only = ''] = keyPaths;
  if (hasKeysOnNodes) return html`<p>Nodes have the keys already: <code>${only}</code></p> `;
  if (keyPaths.length === 1) return html`<p>On a node the keys are in ${renderKeyPath(only)}</p> `;
  const list = html`<ul class="files">
    ${keyPaths.map((path) => html`<li>${renderKeyPath(path)}</li> `)}
  </ul> `;
  if (keyPaths.length <= SHOWN_FILES)
    return html`<p>On a node each key has its own file:</p>
      ${list}`;
  return html`<details>
    <summary>On a node each key has its own file: show all ${keyPaths.length}</summary>
    ${list}
  </details> `;
}

function renderKeyPath(path: string): Html {
  const file = `nodes/keys/${path.slice(path.lastIndexOf('/') + 1)}`;
  return html`<a href="${file}"><code>${path}</code></a>`;
}

function tryIt({ image, location, store }: ScopeFacts, own: StoreUrl): string {
  const url = store === undefined ? own : parseStoreUrl(store);
  return `# an image of this scope
IMAGE=${toShellWord(image)}
skopeo copy "docker://$IMAGE" "dir:$(mktemp -d)"
podman pull "$IMAGE"
# which store is asked, and what it answers
podman pull --log-level=debug "$IMAGE" 2>&1 | grep -i -e lookaside -e signature
# 200: there is a signature, 404: there is none; HEX is the digest of the manifest
curl -sI ${toShellWord(formatStoreUrl(url, location))}`;
}
