// `/refused.json`: the images that nodes wanted and that have no signature here, and why.
import type { RequestHandler } from 'express';
import { z } from 'zod';
import type { Policy } from '../../generator/policy/policy.ts';
import { isReleaseDirectory, parseAnyDirectory } from '../../generator/terms/release-location.ts';
import type { RefusedPull, ResolvedPull } from '../refused/refused-pull.ts';
import { sendJson } from './send-json.ts';
import type { StatusServices } from '../status/services.ts';
import { countUpTo, readQuery } from './query.ts';

const SHOWN = 100;
const MOST_SHOWN = 10_000;
/** Git may take long for a reason; it is there the next time. Milliseconds. */
const PATIENCE = 2000;
const querySchema = z.strictObject({ limit: countUpTo(MOST_SHOWN).default(SHOWN) });

export function createRefusedJson(services: StatusServices): RequestHandler {
  const { refresher, policy, refused, reasons } = services;
  return async (request, response) => {
    const query = readQuery(querySchema, request, response);
    if (!query) return;
    const asked = refused.list().slice(0, query.limit);
    const found = await reasons.of(
      asked.map(({ directory }) => directory),
      PATIENCE,
    );
    // A signature may have come meanwhile.
    const pulls = asked.flatMap(({ directory }) => refused.find(directory) ?? []);
    const { prefixes } = policy();
    sendJson(response, {
      version: 1,
      generation: refresher.status().generation,
      images: refused.count(),
      dropped: refused.dropped(),
      refused: pulls.map((pull) =>
        Object.assign(toPullJson(pull, prefixes), { reason: found.get(pull.directory) ?? null }),
      ),
      resolved: refused.resolved().map((pull) => toResolvedJson(pull, prefixes)),
    });
  };
}

function toPullJson(pull: RefusedPull, prefixes: Policy['prefixes']): object {
  const { directory, count, firstSeen, lastSeen, clients, hasMoreClients } = pull;
  const { repository, digestHex } = parseAnyDirectory(directory) ?? {};
  return {
    repository,
    prefix: findPrefix(repository ?? '', prefixes),
    digest: `sha256:${digestHex}`,
    ...(isReleaseDirectory(directory) && { release: true }),
    count,
    firstSeen: new Date(firstSeen).toISOString(),
    lastSeen: new Date(lastSeen).toISOString(),
    clients,
    hasMoreClients,
  };
}

function toResolvedJson(pull: ResolvedPull, prefixes: Policy['prefixes']): object {
  const { arrivedAt, firstSeen, commit } = pull;
  return {
    ...toPullJson(pull, prefixes),
    arrivedAt: new Date(arrivedAt).toISOString(),
    waitedSeconds: Math.round((arrivedAt - firstSeen) / 1000),
    commit,
  };
}

/** The longest of the prefixes that scopes have which a repository lies below; null for none. */
function findPrefix(repository: string, prefixes: Policy['prefixes']): string | null {
  const around = [...prefixes].filter(
    (prefix) => prefix !== '' && repository.startsWith(`${prefix}/`),
  );
  return around.toSorted((a, b) => b.length - a.length)[0] ?? null;
}
