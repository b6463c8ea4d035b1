import { type Html, html } from '../html/html.ts';

/** The form that asks for which images a node shall be set up, with what was written before. */
export function renderScopeForm(text: string): Html {
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
