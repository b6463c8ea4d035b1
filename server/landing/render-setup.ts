// How a node is set up: commands that lead from a fresh node to one that verifies.
import { dirname, join } from 'node:path/posix';
import { toShellWord } from '../../generator/terms/text.ts';
import { formatStoreUrl, isOpenToOthers } from '../../generator/nodes/store-url.ts';
import { renderBlock } from './render-block.ts';
import type { Download } from './downloads.ts';
import { type Html, html } from '../html/html.ts';
import type { PageFacts } from './page-facts.ts';

/** The section on setting up nodes, where there is anything to set up. */
export function renderSetup(facts: PageFacts): Html {
  const { downloads } = facts;
  const fetched = downloads.filter(({ installedAt }) => installedAt !== undefined);
  const keys = fetched.filter(({ contentType }) => contentType === 'application/pgp-keys');
  const registries = fetched.filter(({ contentType }) => contentType === 'application/yaml');
  const policy = fetched.find(({ contentType }) => contentType === 'application/json');
  return html`<section id="setup">
    <h2>Set up a node</h2>
    <p>
      As root, on each node that pulls. <code>lookaside node-config</code> writes the same files in
      other forms, and merges them into a policy that a node already has.
    </p>
    ${describeAddress(facts)}
    <h3>1. Name the store</h3>
    ${renderBlock('registries.d: which store is asked', 'commands that name the store', fetchAll(registries, facts))}
    ${registries.some(isDefault) ? DEFAULT_NOTE : undefined}
    <h3>2. Fetch the keys and compare them</h3>
    ${renderBlock('public keys', 'commands that fetch the keys', `${fetchAll(keys, facts)}\n${show(keys)}`)}
    <p class="warning">
      <strong>A key fetched from here must be compared with its fingerprint from elsewhere.</strong>
      Anyone who controls this server, or the network on the way to it, could hand out another key.
      Get the fingerprints from the people who sign, by another way, and compare all 40 digits.
    </p>
    <h3>3. Require signatures</h3>
    ${policy ? renderPolicy(policy, facts) : NO_POLICY_FILE}
  </section> `;
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

function renderPolicy(policy: Download, facts: PageFacts): Html {
  const { installedAt = '' } = policy;
  const before = `${installedAt}.before`;
  // Done again, it keeps the first one; a node may have had none.
  const backup = `[ -e ${before} ] || [ ! -e ${installedAt} ] || cp -p ${installedAt} ${before}`;
  const commands = `${backup}\n${fetchAll([policy], facts)}`;
  const what = describePolicy(facts);
  return html`${renderBlock('policy.json: what is asked of images', 'commands that require signatures', commands)}
    <p>
      <a href="${policy.path}">This policy</a> ${what}. If the node's own policy asks for more than
      that, keep it, and add the parts shown below to it.
    </p> `;
}

function describePolicy({ scopes, byDefault }: PageFacts): string {
  const isForAll = scopes.some(({ name }) => name === '');
  if (isForAll) return 'asks for signatures of every image from a registry';
  const others = byDefault === 'reject' ? 'refuses all others' : 'takes all others unsigned';
  return `asks for signatures of the images below, and ${others}`;
}

const NO_POLICY_FILE = html`<p>
  This store checks signatures by a policy that asks for more than signatures by keys. Get that
  policy from the people who run the store, or add the parts shown below to the node's own policy.
</p> `;

const DEFAULT_NOTE = html`<p>
  <code>default.yaml</code> replaces the distribution's file of that name: only one file may set
  what holds for all images.
</p> `;

function isDefault({ installedAt }: Download): boolean {
  return installedAt?.endsWith('/default.yaml') === true;
}

function fetchAll(downloads: readonly Download[], { url }: PageFacts): string {
  const directories = new Set(downloads.map(({ installedAt = '' }) => dirname(installedAt)));
  const made = [...directories].map((directory) => `install -d -m 755 ${toPath(directory)}`);
  const fetched = downloads.map(({ path, installedAt = '' }) =>
    fetchTo(installedAt, formatStoreUrl(url, path)),
  );
  return [...made, ...fetched].join('\n');
}

/** A broken transfer leaves the file as it was, and users other than root can read it. */
function fetchTo(place: string, address: string): string {
  // Clients read no file that ends so.
  const fresh = toPath(join(dirname(place), 'lookaside.new'));
  return `curl -fsS -o ${fresh} \\
  ${toShellWord(address)} &&
  chmod 644 ${fresh} &&
  mv -f ${fresh} ${toPath(place)}`;
}

function toPath(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : toShellWord(path);
}

function show(keys: readonly Download[]): string {
  const [first] = keys;
  const paths =
    keys.length === 1 && first ? first.installedAt : '/etc/pki/containers/lookaside*.asc';
  return `gpg --show-keys ${paths}`;
}
