/** ISO 8601 in UTC with whole seconds, as OpenPGP and signed claims count them. */
export function formatTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
