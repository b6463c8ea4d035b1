import { formatJson, toLine } from '../../generator/terms/text.ts';

/** An image in a file of manifests. */
export interface PinFinding {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  /** As it is written there. */
  readonly image: string;
  /**
   * `pinned`: it has a digest that is signed, or has got one. `not-pinned`: it has none, and there is one that is
   * signed for its tag. `refused`: there is none, or the one that it has is not signed.
   */
  readonly status: 'pinned' | 'not-pinned' | 'refused';
  /** What stands there, is written there, or would be; left out where it is refused. */
  readonly reference?: string;
  readonly message?: string;
  readonly next?: string;
  readonly warnings?: readonly string[];
}

export interface PinReport {
  readonly mode: 'check' | 'write';
  readonly isWritten: boolean;
  /** How many were looked at. */
  readonly files: number;
  readonly findings: readonly PinFinding[];
}

/** For programs, an object whose form is stable; for people a line an image that something is wrong with. */
export function formatPinReport(report: PinReport, isJson: boolean): string {
  const { mode, isWritten, files, findings } = report;
  const bad = findings.filter(({ status }) => status !== 'pinned');
  if (isJson) {
    const images = findings.map((finding) => ({
      path: finding.path,
      line: finding.line,
      image: finding.image,
      status: finding.status,
      reference: finding.reference ?? null,
      message: finding.message ?? null,
      next: finding.next ?? null,
      warnings: finding.warnings ?? [],
    }));
    return `${formatJson({ version: 1, mode, files, written: isWritten, images }, 2)}\n`;
  }
  const lines = findings.flatMap((finding) => [
    ...(finding.warnings ?? []).map((warning) => `${placeOf(finding)}: warning: ${warning}`),
    ...(finding.message === undefined
      ? []
      : [`${placeOf(finding)}: ${finding.message}`, `  ${finding.next ?? ''}`]),
  ]);
  const count = `${findings.length} image${findings.length === 1 ? '' : 's'} in ${files} file${files === 1 ? '' : 's'}`;
  const end =
    bad.length === 0
      ? `${count}: all pinned to what is signed`
      : `${count}: ${bad.length} not pinned to what is signed${mode === 'write' ? '; nothing was written' : ''}`;
  return [...lines, end].map((line) => `${toLine(line)}\n`).join('');
}

function placeOf({ path, line, image }: PinFinding): string {
  return `${path}:${line}: ${image}`;
}
