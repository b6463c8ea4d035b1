import { REASON_CODES, type ReasonCode } from '../../../generator/explain/reason.ts';
import { type Html, html } from '../../html/html.ts';
import { addressOf } from './links.ts';

/** What the list of missing signatures can be narrowed down to; '' for all. */
export interface PullFilters {
  readonly reason: ReasonCode | '';
  /** One repository, or part of a name. */
  readonly repository: string;
  readonly client: string;
  /** `sha256:` and at least 8 digits. */
  readonly digest: string;
  /** Of repositories that the store knows, or has never had. */
  readonly names: 'known' | 'unknown' | '';
  /** What they are counted by. */
  readonly by: 'reason' | 'repository' | 'client' | '';
}

/** The parameters of an address that are not left out. */
export function toParameters(filters: Partial<PullFilters>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== ''));
}

/** The form that narrows down the list of missing signatures, with what was chosen before. */
export function renderFilters(filters: PullFilters): Html {
  const { reason, repository, client, digest, names, by } = filters;
  const isNarrow = Object.values(filters).some((value) => value !== '');
  return html`<form class="fields" action="refused" method="get">
    <p>
      <label for="by-repository">Repository or part of it</label>
      ${renderField('by-repository', 'repository', repository)}
    </p>
    <p>
      <label for="by-client">Client</label>
      ${renderField('by-client', 'client', client)}
    </p>
    <p>
      <label for="by-reason">Reason</label>
      ${renderSelect('by-reason', 'reason', [['', 'any'], ...REASON_CODES.map((code) => [code, code] as const)], reason)}
    </p>
    <p>
      <label for="by-names">Repositories</label>
      ${renderSelect('by-names', 'names', NAMES, names)}
    </p>
    <p>
      <label for="by-group">Count by</label>
      ${renderSelect('by-group', 'by', GROUPS, by)}
    </p>
    ${digest === '' ? undefined : html`<input type="hidden" name="digest" value="${digest}" />`}
    <p class="go">
      <button>Show</button>
      ${isNarrow ? html`<a href="${addressOf('refused', {})}">Show all</a>` : undefined}
    </p>
  </form> `;
}

type Choices = readonly (readonly [value: string, words: string])[];

const NAMES: Choices = [
  ['', 'all'],
  ['known', 'that the store knows'],
  ['unknown', 'that it has never had'],
];
const GROUPS: Choices = [
  ['', 'nothing: list them'],
  ['reason', 'reason'],
  ['repository', 'repository'],
  ['client', 'client'],
];

function renderField(id: string, name: string, value: string): Html {
  return html`<input
    id="${id}"
    name="${name}"
    value="${value}"
    autocomplete="off"
    autocapitalize="off"
    spellcheck="false"
  />`;
}

function renderSelect(id: string, name: string, choices: Choices, chosen: string): Html {
  const options = choices.map(([value, words]) =>
    value === chosen
      ? html`<option value="${value}" selected="">${words}</option> `
      : html`<option value="${value}">${words}</option> `,
  );
  return html`<select id="${id}" name="${name}">
    ${options}
  </select>`;
}
