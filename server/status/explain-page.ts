import { setTimeout as sleep } from 'node:timers/promises';
import type { ExplainedImage, FoundSignature } from '../../generator/explain/explain-image.ts';
import { type Policy, findScope } from '../../generator/policy/policy.ts';
import { formatReference, remapReference } from '../../generator/policy/signed-identity.ts';
import {
  type DockerReference,
  parsePulledImage,
  withoutTransport,
} from '../../generator/terms/image-name.ts';
import { toShellWord } from '../../generator/terms/text.ts';
import { renderFact } from '../html/facts.ts';
import { type Html, html } from '../html/html.ts';
import { renderAdvice } from '../html/render-advice.ts';
import { renderBlock } from '../html/render-block.ts';
import { PATIENCE } from './explain-pulls.ts';
import { type Page, type PageRequest, notLoaded, readParameter, refuseQuery } from './page.ts';
import { renderFingerprint, renderImageLink } from './parts/links.ts';
import { renderAsk } from './parts/render-ask.ts';
import { renderFindings } from './parts/render-reason.ts';
import { renderTable } from './parts/render-table.ts';
import { renderTime } from './parts/render-time.ts';

/** Manifests of one tag that are looked at. */
const MOST = 5;
const DIGEST = /^(?:sha256:)?([0-9a-f]{64})$/i;
const TITLE = 'Would nodes accept this image?';

/**
 * What `lookaside explain` says of an image, by what is served and by the policy of this server:
 * `?image=NAME`, `&digest=sha256:HEX`. It asks no registry and no git host, whatever is written there.
 */
export async function makeExplainPage(request: PageRequest): Promise<Page> {
  const { query, services } = request;
  const name = readParameter(query, 'image')?.trim();
  const digest = readParameter(query, 'digest')?.trim();
  if (name === undefined || digest === undefined) {
    return refuseQuery('image= takes one image, and digest= takes one digest.');
  }
  if (name === '') return { status: 200, title: TITLE, content: renderAsk('', digest) };
  const asked = readAsked(name, digest);
  if (typeof asked === 'string') return refuseAsked(asked, name, digest);
  if (!services.refresher.store()) {
    return notLoaded(services.refresher.status(), renderAsk(name, digest));
  }
  const digests =
    asked.digestHex === undefined ? await findSigned(asked.image, request) : [asked.digestHex];
  const images: ExplainedImage[] = [];
  for (const hex of digests.slice(0, MOST)) images.push(await explain(asked.image, hex, request));
  const found = images.map((image) => renderImage(image, request));
  const isGuess = asked.digestHex === undefined;
  return {
    status: 200,
    title: TITLE,
    content: html`${renderAsk(name, digest)}
    ${isGuess ? renderGuess(namesOf(asked.image, services.policy()), digests.length) : undefined}
    ${found.length > 0 ? WHOSE_POLICY : undefined} ${found}`,
  };
}

interface Asked {
  readonly image: DockerReference;
  /** Undefined where only a tag was given. */
  readonly digestHex: string | undefined;
}

/** What is asked, or what is wrong with it. */
function readAsked(name: string, digest: string): Asked | string {
  if (DIGEST.test(name.replace(/^@/, ''))) {
    return 'A digest alone does not say under which name nodes pull the image. Write the name before it, as in registry.example.com/team/app@sha256:….';
  }
  const image = parsePulledImage(withoutTransport(name));
  if (!image) {
    return 'This is not the name of an image. Write it as in a pull, such as registry.example.com/team/app:1.0, with repositories in lower case.';
  }
  const given = digest === '' ? image.digest : digest;
  if (given === undefined) return { image, digestHex: undefined };
  const hex = DIGEST.exec(given)?.[1]?.toLowerCase();
  if (hex === undefined) {
    return 'A digest is sha256: and 64 hexadecimal digits. Nodes look for signatures of no other.';
  }
  return { image, digestHex: hex };
}

function refuseAsked(message: string, name: string, digest: string): Page {
  return {
    status: 400,
    title: TITLE,
    content: html`<p class="warning" role="alert">${message}</p>
      ${renderAsk(name, digest)}`,
  };
}

/** The name with its tag, and those under which the policy wants it signed instead. */
function namesOf(image: DockerReference, policy: Policy): readonly string[] {
  const rules = findScope(policy, image)?.signedBy ?? [];
  const others = rules.flatMap(({ signedIdentity: rule }) => {
    if (rule.type === 'exactReference') return formatReference(rule.reference);
    if (rule.type !== 'remapIdentity') return [];
    const remapped = remapReference(image, rule.prefix, rule.signedPrefix);
    return remapped ? formatReference(remapped) : [];
  });
  return [...new Set([formatReference(image), ...others])];
}

/** Digests that were signed under one of these names, the newest first: one more than are shown. */
async function findSigned(
  image: DockerReference,
  { services, searches, signal }: PageRequest,
): Promise<readonly string[]> {
  const { prefix = '' } = findScope(services.policy(), image) ?? {};
  const repository = [prefix, image.repository].filter(Boolean).join('/');
  const which = { limit: MOST + 1, signal };
  const names = namesOf(image, services.policy());
  const { directories } = await searches.imagesSignedAs(repository, names, which);
  return directories.map((directory) => directory.slice(-64));
}

async function explain(
  image: DockerReference,
  digestHex: string,
  { services, searches, signal, now }: PageRequest,
): Promise<ExplainedImage> {
  const { reasons, refused, refresher, policy } = services;
  const mayAskGit = (path: string): boolean =>
    refresher.rejectedOf(digestHex).length > 0 || refused.find(path) !== undefined;
  return searches.explained(image, digestHex, {
    policy: policy(),
    now,
    signal,
    // Git is not asked of whatever is made up, and nobody waits for it for long.
    lastChange: async (path, upTo) =>
      mayAskGit(path)
        ? Promise.race([reasons.lastChange(path, upTo), sleep(PATIENCE, undefined, { ref: false })])
        : undefined,
  });
}

function renderGuess(names: readonly string[], count: number): Html {
  const [name = ''] = names;
  const all = names.map((one, at) => html`${at > 0 ? ' or ' : ''}<code>${one}</code>`);
  const found =
    count === 0
      ? html`<p class="warning">No image here was signed as ${all}.</p>`
      : html`<p>
          ${count > MOST ? `These images, the newest ${MOST} of all,` : 'These images'} were signed
          as ${all}. Which of them the tag names now, only the registry knows.
        </p>`;
  return html`${found}
    <p>
      This server asks no registry. On your machine, <code>lookaside explain</code> does, platform
      by platform; ADDRESS is that of this page.
    </p>
    ${renderBlock(undefined, 'the command that asks the registry', `lookaside explain ${toShellWord(name)} --server ADDRESS`)}`;
}

const WHOSE_POLICY = html`<p class="soft">
  The answer is that of the keys and rules of this server. A node goes by its own policy.json: where
  that differs, it may decide otherwise.
</p>`;

const VERDICTS = {
  accepted: ['good', 'Nodes would accept it.'],
  refused: ['ended', 'Nodes would refuse it.'],
  unknown: ['soon', 'Nobody can say here.'],
} as const;

function renderImage(explained: ExplainedImage, view: PageRequest): Html {
  const { digest, verdict, scope, directory, signatures, reason, note } = explained;
  const [mark, words] = VERDICTS[verdict];
  return html`<section aria-labelledby="of-${digest.slice(-64)}">
    <h2 id="of-${digest.slice(-64)}">
      <code class="short" title="${digest}">${digest}</code>
    </h2>
    <p><strong class="mark ${mark}">${words}</strong> ${note ?? undefined}</p>
    ${
      reason
        ? html`<p><code class="code">${reason.code}</code> ${reason.message}</p>
            ${renderAdvice(reason.next, `the next step for ${digest}`)}
            ${'files' in reason || 'images' in reason || 'commit' in reason ? renderFindings(reason, view) : undefined}`
        : undefined
    }
    <dl>
      ${renderFact('Pulled as', html`<code>${explained.image}</code>`)}
      ${renderFact('Scope', describeScopeName(scope))}
      ${renderFact('Looked up at', renderImageLink(directory))}
    </dl>
    ${signatures.length > 0 ? renderFound(signatures, view) : undefined}
  </section> `;
}

function describeScopeName(scope: string | null): Html {
  if (scope === null) return html`none covers it`;
  return scope === '' ? html`all images outside the other scopes` : html`<code>${scope}</code>`;
}

function renderFound(signatures: readonly FoundSignature[], { now }: PageRequest): Html {
  const rows = signatures.map(
    ({ servedAs, identity, signer, userIds, signedAt, fault }, index) => ({
      key: servedAs,
      cells: [
        `${index + 1}`,
        [
          signer === null ? 'not checked' : renderFingerprint(signer),
          userIds.map((userId) => html`<span class="user">${userId}</span>`),
        ],
        identity,
        renderTime(signedAt, now),
        fault ?? html`<strong class="mark good">it counts</strong>`,
      ],
    }),
  );
  return renderTable(
    'Signatures that nodes find',
    ['Number', 'Signer', 'Signed as', 'Signed', 'Does it count?'],
    rows,
  );
}
