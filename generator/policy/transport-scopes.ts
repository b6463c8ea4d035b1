// Scopes of policy.json by transport: a wrong one makes nodes refuse the whole file, and with it
// every pull (ValidatePolicyConfigurationScope of each transport of containers/image).
import { normalize } from 'node:path/posix';

/** What is wrong with a scope; undefined if nothing is. */
type FindFault = (scope: string) => string | undefined;

const DIGEST = /^(?:sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128})$/;
const IMAGE_ID = /^[a-f0-9]{64}$/;
/** HOST, HOST/NAMESPACE, HOST/NAMESPACE/STREAM or HOST/NAMESPACE/STREAM:TAG. */
const OPENSHIFT_SCOPE = /^[^/]*(?:\/[^:/]*(?:\/[^:/]*(?::[^:/]*)?)?)?$/;

/** By the name of the transport. Scopes of transports that nodes do not know they take unseen. */
const FAULTS: Readonly<Record<string, FindFault>> = {
  // Nodes check none of these; see findUnmatched for what they never match.
  docker: () => undefined,
  'docker-daemon': (scope) => (DIGEST.test(scope) ? 'expected a name, got a digest' : undefined),
  'docker-archive': refuseAll,
  tarball: refuseAll,
  dir: findPathFault,
  oci: findPathFault,
  'oci-archive': findPathFault,
  sif: findPathFault,
  ostree: findOstreeFault,
  'containers-storage': findStorageFault,
  atomic: (scope) =>
    OPENSHIFT_SCOPE.test(scope) ? undefined : 'expected HOST/NAMESPACE/STREAM:TAG or its beginning',
};

/** The transports that nodes know. */
export const TRANSPORTS: readonly string[] = Object.keys(FAULTS);

/** Why nodes refuse a policy with this scope; undefined if they do not. */
export function findScopeFault(transport: string, scope: string): string | undefined {
  // '' stands for all images of a transport, of whichever.
  if (scope === '' || !Object.hasOwn(FAULTS, transport)) return undefined;
  return FAULTS[transport]?.(scope);
}

function refuseAll(): string {
  return 'expected no scope but ""';
}

function findPathFault(scope: string): string | undefined {
  if (!scope.startsWith('/')) return 'expected an absolute path';
  if (scope === '/') return 'expected "" for all paths';
  const cleaned = clean(scope);
  return cleaned === scope ? undefined : `expected ${JSON.stringify(cleaned)}`;
}

/** As Go's filepath.Clean: no slash stays at the end. */
function clean(path: string): string {
  const normal = normalize(path);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}

/** Not all builds know the transport; those without it take any scope. */
function findOstreeFault(scope: string): string | undefined {
  const colon = scope.indexOf(':');
  if (colon < 0) return 'expected PATH:NAME';
  const repository = scope.slice(0, colon);
  if (!repository.startsWith('/')) return 'expected an absolute path before the colon';
  const cleaned = clean(repository);
  return cleaned === repository
    ? undefined
    : `expected ${JSON.stringify(cleaned)} before the colon`;
}

/** `[DRIVER@GRAPHROOT]NAME@DIGEST@ID` or its beginning. */
function findStorageFault(scope: string): string | undefined {
  const end = scope.indexOf(']');
  if (!scope.startsWith('[') || end < 1) return 'expected [STORE] at its beginning';
  const [first = '', ...rest] = scope.slice(1, end).split('@');
  const root = rest.length === 0 ? first : rest.join('@');
  if (first === '' || root === '') return 'expected [GRAPHROOT] or [DRIVER@GRAPHROOT]';
  if (!root.startsWith('/')) return 'expected an absolute path in [STORE]';
  const [, second, ...others] = scope.slice(end + 1).split('@');
  if (second === undefined) return undefined;
  if (others.length === 0) {
    const isKnown = IMAGE_ID.test(second) || DIGEST.test(second);
    return isKnown ? undefined : 'expected a digest or an image ID behind "@"';
  }
  const id = others.join('@');
  return DIGEST.test(second) && IMAGE_ID.test(id) ? undefined : 'expected NAME@DIGEST@ID';
}
