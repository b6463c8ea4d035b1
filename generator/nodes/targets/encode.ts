/** As long as base64(1) makes them. */
const LINE = /.{1,76}/g;

/** Bytes as lines of base64, each with a line feed at its end; '' for no bytes. */
export function formatBase64Lines(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replaceAll(LINE, '$&\n');
}
