// What nodes may already have where the files go, and what the policy means for other images.
import type { Scope } from '../../policy/policy.ts';
import type { NodeFilesOptions } from '../node-files.ts';

/** Sentences for people, each of one fact and what to do. */
export function adviseOnLayout(
  scopes: readonly Scope[],
  { existing, byDefault, staging }: NodeFilesOptions,
): readonly string[] {
  const coversAll = scopes.some(({ name }) => name === '');
  const advice = [
    `nodes fail every pull if another file of their registries.d has ${coversAll ? 'default-docker or ' : ''}one of these scopes, as Red Hat's registry.redhat.io.yaml or one of another --name: take it out there`,
  ];
  if (existing === undefined) {
    advice.push(
      'the policy.json of nodes is replaced as a whole: --merge FILE keeps what it says of other images',
    );
  }
  if (byDefault !== undefined && coversAll) {
    advice.push(
      'keys without a scope hold for all other images from registries: --default holds for other places only',
    );
  }
  if (byDefault === 'reject') advice.push(adviseOnReject(staging !== undefined));
  return [...advice, ...scopes.flatMap(({ name }) => adviseOnDockerHub(name))];
}

function adviseOnReject(isForSigning: boolean): string {
  return isForSigning
    ? '--default reject keeps a machine that signs from copying out of dir:, oci:, docker-archive: and containers-storage:, so skopeo copy --sign-by fails there: --merge a policy that accepts these transports'
    : '--default reject also refuses images from dir:, oci:, docker-archive: and containers-storage:, as of podman load: --merge a policy that accepts those in use';
}

/** One word behind the host is a user, though people write images so. */
function adviseOnDockerHub(scope: string): readonly string[] {
  const [, name] = /^docker\.io\/([^/:@]+)$/.exec(scope) ?? [];
  if (name === undefined || name === 'library') return [];
  return [
    `${scope} covers images of the user ${name}; the official image is docker.io/library/${name}`,
  ];
}
