import { styleText } from 'node:util';
import type { ShownSignature, ShownVerdict } from '../generator/explain/describe-signature.ts';
import { toPrintable } from '../generator/terms/text.ts';

/**
 * Signatures for people, a line a fact. One alone is not named: git gives a textconv the name of
 * a temporary file.
 */
export function formatShown(shown: readonly ShownSignature[], colour: boolean): string {
  const blocks = shown.map((signature) => {
    const head = shown.length > 1 ? [`${toPrintable(signature.path)}:`] : [];
    return [...head, ...formatSignature(signature, colour)].map((line) => `${line}\n`).join('');
  });
  return blocks.join('\n');
}

function formatSignature(
  { claims, signature, form, size, verdict }: ShownSignature,
  colour: boolean,
): string[] {
  const facts: [name: string, value: string | null | undefined][] = [
    ['identity', claims?.dockerReference],
    ['digest', claims?.manifestDigest],
    ['creator', claims?.creator],
    ['timestamp', claims?.timestamp],
    ['signed', signature?.created],
    ['expires', signature && (signature.expires ?? 'never')],
    ['key', signature && (signature.keyId ?? 'not named')],
    ['algorithm', signature && `${signature.publicKeyAlgorithm}, ${signature.hashAlgorithm}`],
    ['form', `${formatForm(form, signature?.version)}, ${size} bytes`],
    ...formatVerdict(verdict),
  ];
  const paint = (name: string, value: string): string =>
    colour && name === 'verdict'
      ? value.replace(/^[a-z]+/, (word) =>
          styleText(COLOURS[verdict.status], word, { validateStream: false }),
        )
      : value;
  return facts.flatMap(([name, value]) =>
    value === null || value === undefined
      ? []
      : [`${`${name}:`.padEnd(WIDTH)}${paint(name, toPrintable(value))}`],
  );
}

const WIDTH = 'algorithm:  '.length;
const COLOURS = { accepted: 'green', rejected: 'red', unverified: 'yellow' } as const;

function formatForm(form: ShownSignature['form'], version: number | undefined): string {
  const packet = version === undefined ? '' : `, version ${version} packet`;
  return form === 'unknown' ? 'not a signature' : `${form} OpenPGP message${packet}`;
}

function formatVerdict(verdict: ShownVerdict): [name: string, value: string][] {
  switch (verdict.status) {
    case 'unverified':
      return [['verdict', 'not verified: no keys were given']];
    case 'accepted':
      return [
        ['verdict', `accepted: signed by ${verdict.signer.primaryFingerprint}`],
        ...verdict.warnings.map(({ code, message }): [string, string] => [
          'warning',
          `${code}: ${message}`,
        ]),
      ];
    case 'rejected':
      return [
        ['verdict', `rejected: ${verdict.code}: ${verdict.message}`],
        ['hint', verdict.hint],
      ];
  }
}
