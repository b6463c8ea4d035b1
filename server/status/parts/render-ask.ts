import { type Html, html } from '../../html/html.ts';

/** The form that asks whether nodes would accept an image, with what it was asked before. */
export function renderAsk(image: string, digest: string): Html {
  return html`<form class="fields" action="explain" method="get">
    <p>
      <label for="ask-image">Image, as nodes pull it</label>
      <input
        id="ask-image"
        name="image"
        value="${image}"
        placeholder="registry.example.com/team/app:1.0"
        required=""
        maxlength="1000"
        autocomplete="off"
        autocapitalize="off"
        spellcheck="false"
      />
    </p>
    <p>
      <label for="ask-digest">Digest of its manifest, if you know it</label>
      <input
        id="ask-digest"
        name="digest"
        value="${digest}"
        placeholder="sha256:…"
        maxlength="100"
        autocomplete="off"
        autocapitalize="off"
        spellcheck="false"
      />
    </p>
    <p class="go"><button>Ask</button></p>
  </form> `;
}
