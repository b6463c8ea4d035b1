// How a node is set up: commands that lead from a fresh node to one that verifies the images of some
// scopes. For all images at once there is no such way: it would stop what a platform runs itself.
import { isOpenToOthers } from '../../generator/nodes/store-url.ts';
import { renderBlock } from '../html/render-block.ts';
import type { AskedScopes } from './asked-scopes.ts';
import type { Download } from './downloads.ts';
import { type Html, html } from '../html/html.ts';
import type { PageFacts } from './page-facts.ts';
import { fetchAll, fetchWithBackup, showKeys } from './fetch-commands.ts';
import { renderPlatforms } from './render-platforms.ts';

/** The section on setting up nodes, where there is anything to set up. */
export function renderSetup(facts: PageFacts): Html {
  const { way, scopes } = facts;
  const isForRest = scopes.some(({ name }) => name === '');
  return html`<section id="setup">
    <h2>Set up a node</h2>
    ${way.length > 0 ? renderSteps(way, facts, describePolicy(facts)) : NAME_FIRST}
    ${way.length > 0 && isForRest ? OTHER_IMAGES : undefined}
    ${isForRest ? renderScopeForm('') : undefined}
  </section> `;
}

const NAME_FIRST = html`<p>
  This store checks signatures of all images alike. Which of them a node shall refuse without a
  signature, you decide: name their registry, or a part of it, and get the files for it.
</p> `;

const OTHER_IMAGES = html`<h3>Other images</h3>
  <p>
    The commands above ask for signatures of the images below, and of no others. To ask for
    signatures of other images too, name their registry, or a part of it.
  </p> `;

/** The same for scopes that a reader has named, or what is wrong with them. */
export function renderAskedSetup(
  facts: PageFacts,
  text: string,
  answer: AskedScopes | string,
): Html {
  if (typeof answer === 'string') {
    return html`<section id="setup">
      <h2>Set up a node</h2>
      <p class="warning" role="alert">${answer}</p>
      ${renderScopeForm(text)} ${WAY_BACK}
    </section> `;
  }
  const { names, downloads, platforms, policyMembers } = answer;
  const list = html`${names.map((name, index) => html`${index > 0 ? ', ' : ''}<code>${name}</code>`)}`;
  return html`<section id="setup">
    <h2>Set up a node for ${list}</h2>
    ${
      platforms.length > 0
        ? html`<div class="warning">
            <p>
              <strong>Images that a platform runs itself lie there too.</strong> If nobody signs
              them for this store, nodes of these platforms stop pulling them. Name a smaller part
              of the registry.
            </p>
            ${renderPlatforms(platforms)}
          </div> `
        : undefined
    }
    ${renderSteps(downloads, facts, html`asks for signatures of the images of ${list}, and ${describeRest(facts)}`)}
    ${renderBlock(html`<code>/etc/containers/policy.json</code> in transports, docker`, 'policy of these images', policyMembers)}
    <h3>Other images</h3>
    <p>
      Several scopes can be named at once, with commas between them: the files are for all of them.
    </p>
    ${renderScopeForm(text)} ${WAY_BACK}
  </section> `;
}

const WAY_BACK = html`<p><a href="./">All that this store has to say</a></p> `;

function renderSteps(way: readonly Download[], facts: PageFacts, what: Html | string): Html {
  const keys = way.filter(({ contentType }) => contentType === 'application/pgp-keys');
  const registries = way.filter(({ contentType }) => contentType === 'application/yaml');
  const policy = way.find(({ contentType }) => contentType === 'application/json');
  return html`<p>
      As root, on each node that pulls. <code>lookaside node-config</code> writes the same files in
      other forms, and merges them into a policy that a node already has.
    </p>
    ${describeAddress(facts)}
    <h3>1. Name the store</h3>
    ${renderBlock('registries.d: which store is asked', 'commands that name the store', fetchAll(registries, facts))}
    <h3>2. Fetch the keys and compare them</h3>
    ${renderBlock('public keys', 'commands that fetch the keys', `${fetchAll(keys, facts)}\n${showKeys(keys)}`)}
    <p class="warning">
      <strong>A key fetched from here must be compared with its fingerprint from elsewhere.</strong>
      Anyone who controls this server, or the network on the way to it, could hand out another key.
      Get the fingerprints from the people who sign, by another way, and compare all 40 digits.
    </p>
    <h3>3. Require signatures</h3>
    ${policy ? renderPolicy(policy, facts, what) : NO_POLICY_FILE}`;
}

function describeAddress({ origin, url }: PageFacts): Html {
  const open = isOpenToOthers(url)
    ? html`<p class="warning">
        Over <code>http</code>, anyone between you and the store can withhold signatures and change
        this page.
      </p> `
    : undefined;
  const guessed = {
    configured: undefined,
    asked: html`<p>The commands below use the address that you opened this page with.</p> `,
    unknown: html`<p class="warning">
      The store does not know its own address: replace <code>${url.base}</code>.
    </p> `,
  }[origin];
  return html`${guessed}${open}`;
}

function renderPolicy(policy: Download, facts: PageFacts, what: Html | string): Html {
  return html`${renderBlock('policy.json: what is asked of images', 'commands that require signatures', fetchWithBackup([policy], facts))}
    <p>
      <a href="${policy.path}">This policy</a> ${what}. If the node's own policy asks for more than
      that, keep it, and add the parts shown below to it.
    </p> `;
}

function describePolicy(facts: PageFacts): string {
  return `asks for signatures of the images below, and ${describeRest(facts)}`;
}

function describeRest({ byDefault }: PageFacts): string {
  return byDefault === 'reject' ? 'refuses all others' : 'takes all others unsigned';
}

const NO_POLICY_FILE = html`<p>
  This store checks signatures by a policy that asks for more than signatures by keys. Get that
  policy from the people who run the store, or add the parts shown below to the node's own policy.
</p> `;

/** The form that asks for which images a node shall be set up, with what was written before. */
function renderScopeForm(text: string): Html {
  return html`<form class="fields" action="./#setup" method="get">
    <p>
      <label for="scope">Images that need a signature</label>
      <input
        id="scope"
        name="scope"
        value="${text}"
        placeholder="registry.example.com/team"
        required=""
        maxlength="2000"
        autocomplete="off"
        autocapitalize="off"
        spellcheck="false"
      />
    </p>
    <p class="go"><button>Show the files</button></p>
  </form> `;
}
