/** As long as base64(1) makes them. */
const LINE = /.{1,76}/g;

/** Bytes as lines of base64, each with a line feed at its end; '' for no bytes. */
export function formatBase64Lines(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replaceAll(LINE, '$&\n');
}

/** A file as Ignition and Butane take it in place of an address. */
export function formatDataUrl(bytes: Uint8Array): string {
  return `data:text/plain;charset=utf-8;base64,${Buffer.from(bytes).toString('base64')}`;
}
