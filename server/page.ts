// The page for people at `/`: what this store is and how a node uses it.

/** What the page tells. */
export interface PageFacts {
  /** The base URL under which the reader sees the store; untrusted, as it comes from a header. */
  readonly baseUrl: string;
  readonly signatures: number;
  readonly repositories: number;
  readonly commit: string | null;
  readonly loadedAt: string | null;
}

const STYLE = `
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem; }
pre { overflow-x: auto; padding: 0.75rem; border: 1px solid color-mix(in srgb, currentColor 30%, transparent); }
`;

/** The page as HTML; its one style sheet is given to the content security policy by {@link PAGE_STYLE}. */
export function renderPage(facts: PageFacts): string {
  const baseUrl = escapeHtml(facts.baseUrl);
  const state =
    facts.loadedAt === null
      ? 'The signatures are being loaded.'
      : `It serves ${facts.signatures} signatures of ${facts.repositories} repositories` +
        `${facts.commit === null ? '' : `, from commit <code>${escapeHtml(facts.commit)}</code>`},` +
        ` since ${escapeHtml(facts.loadedAt)}.`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Lookaside signature store</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Lookaside signature store</h1>
<p>This server holds detached signatures of container images. Podman, CRI-O, Skopeo and Buildah
ask it whether an image is signed before they use it. ${state}</p>
<h2>Use it on a node</h2>
<p>Name the store for a registry in <code>/etc/containers/registries.d/lookaside.yaml</code>:</p>
<pre>docker:
  registry.example.com:
    lookaside: ${baseUrl}</pre>
<p>Then require signatures in <code>/etc/containers/policy.json</code>:</p>
<pre>{
  "default": [{ "type": "insecureAcceptAnything" }],
  "transports": {
    "docker": {
      "registry.example.com": [
        { "type": "signedBy", "keyType": "GPGKeys", "keyPath": "/etc/pki/containers/signers.asc" }
      ]
    }
  }
}</pre>
<p>A node trusts only its own policy and keys, never this server. Get the keys from the people
who sign, not from here.</p>
<h2>Where a signature is</h2>
<pre>${baseUrl}/NAMESPACE/REPOSITORY@sha256=HEX/signature-1</pre>
</main>
</body>
</html>
`;
}

/** The inline style sheet, for its hash in the content security policy. */
export const PAGE_STYLE = STYLE;

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
