export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
}

/** Asks a store for a location, or for anything else below its base URL. */
export async function lookUp(
  { baseUrl }: { readonly baseUrl: string },
  location: string,
): Promise<Answer> {
  const response = await fetch(`${baseUrl}/${location}`, { redirect: 'manual' });
  const { status, headers } = response;
  return { status, headers, bytes: Buffer.from(await response.arrayBuffer()) };
}
