import { formatDirectory, parseDirectory } from '../../generator/terms/location.ts';
import { type Page, type PageRequest, notLoaded, refuseQuery } from './page.ts';
import { readImage } from './read-image.ts';
import { readParameter } from './read-parameter.ts';
import { renderImage } from './render-image.ts';

/** Digits of a digest that tell it from others for the eye. */
const ABBREVIATED = 12;

/** What is known of an image: `?directory=REPOSITORY@sha256=HEX`, or `?repository=…&digest=sha256:HEX`. */
export async function makeImagePage(request: PageRequest): Promise<Page> {
  const { query, services } = request;
  const directory = readDirectory(query);
  const place = parseDirectory(directory);
  if (!place) {
    return refuseQuery(
      'directory= wants one image, as team/app@sha256=… with all 64 digits of the digest.',
    );
  }
  const facts = await readImage(directory, request);
  if (!services.refresher.store()) {
    return notLoaded(services.refresher.status(), renderImage(facts));
  }
  const name = `${place.repository} sha256:${place.digestHex.slice(0, ABBREVIATED)}`;
  const isKnown = facts.signatures.length + facts.rejected.total > 0 || facts.pull !== undefined;
  return {
    status: isKnown ? 200 : 404,
    title: isKnown ? name : `${name} is not known here`,
    content: renderImage(facts),
  };
}

/** '' for what is none. */
function readDirectory(query: PageRequest['query']): string {
  const directory = readParameter(query, 'directory')?.replace('@sha256:', '@sha256=');
  const repository = readParameter(query, 'repository');
  const digest = readParameter(query, 'digest')?.replace(/^sha256:/, '');
  if (directory === undefined || repository === undefined || digest === undefined) return '';
  return directory === '' ? formatDirectory(repository, digest) : directory;
}
