/** A file as Ignition and Butane take it in place of an address. */
export function formatDataUrl(bytes: Uint8Array): string {
  return `data:text/plain;charset=utf-8;base64,${Buffer.from(bytes).toString('base64')}`;
}
