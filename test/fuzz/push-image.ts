import { IMAGE } from './place.ts';

/** Pushes the image to a registry that speaks plain HTTP. Throws when it is not taken. */
export async function pushImage(host: string, repository: string): Promise<void> {
  const base = `http://${host}/v2/${repository}`;
  const upload = await send(`${base}/blobs/uploads/`, 'POST');
  const target = new URL(upload.headers.get('location') ?? '', base);
  target.searchParams.set('digest', IMAGE.configDigest);
  await send(target.href, 'PUT', IMAGE.config, 'application/octet-stream');
  await send(`${base}/manifests/tag`, 'PUT', IMAGE.manifest, IMAGE.mediaType);
}

async function send(
  url: string,
  method: string,
  body?: Uint8Array<ArrayBuffer>,
  type = '',
): Promise<Response> {
  const content = body && { body, headers: { 'Content-Type': type } };
  const response = await fetch(url, { method, ...content });
  if (!response.ok)
    throw new Error(`${method} ${url}: ${response.status} ${await response.text()}`);
  await response.arrayBuffer();
  return response;
}
