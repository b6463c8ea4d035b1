/** What a thrown value says, for a line of a log or an error. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
