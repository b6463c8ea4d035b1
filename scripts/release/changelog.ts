/** CHANGELOG.md, as packages and releases need it. */

/** One `## ` section. */
export interface ChangelogSection {
  /** `Unreleased`, or a version such as `1.2.0`. */
  readonly title: string;
  /** The day of a release, `YYYY-MM-DD`; undefined for `Unreleased`. */
  readonly date: string | undefined;
  /** What stands below the heading, without empty lines around it. */
  readonly text: string;
}

const HEADING = /^## (.*)$/m;
const RELEASE = /^(\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d)\)$/;

/** The sections, newest first. Throws where a heading is neither `Unreleased` nor `1.2.0 (2026-12-31)`. */
export function parseChangelog(text: string): readonly ChangelogSection[] {
  const [, ...parts] = text.split(HEADING);
  const sections: ChangelogSection[] = [];
  for (let index = 0; index < parts.length; index += 2) {
    const [heading = '', body = ''] = parts.slice(index, index + 2);
    const [, version, date] = RELEASE.exec(heading) ?? [];
    const title = version ?? heading;
    if (heading !== 'Unreleased' && (date === undefined || !isDate(date))) {
      throw new Error(
        `CHANGELOG.md: expected "## Unreleased" or "## 1.2.0 (2026-12-31)", got "## ${heading}"`,
      );
    }
    sections.push({ title, date, text: body.trim() });
  }
  return sections;
}

/** The bullets of a section, each as one line, without the headings between them. */
export function listBullets({ text }: ChangelogSection): readonly string[] {
  const bullets = text.split(/^(?=- |  - |#)/m).filter((part) => /^ *- /.test(part));
  return bullets.map((bullet) => bullet.replace(/^ *- /, '').replaceAll(/\s+/g, ' ').trim());
}

function isDate(date: string): boolean {
  const time = Date.parse(`${date}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(date);
}
