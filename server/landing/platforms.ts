// Platforms that run images of their own, which nobody signs for this store: a node that requires
// signatures of them stops running its own platform.
import { scopeChain } from '../../generator/policy/scope-chain.ts';

export interface Platform {
  readonly name: string;
  /** Where its own images lie. */
  readonly scopes: readonly string[];
}

/** As their installers and their documentation name them. */
export const PLATFORMS: readonly Platform[] = [
  {
    name: 'OpenShift: release images and operators',
    scopes: ['quay.io/openshift-release-dev', 'registry.redhat.io', 'registry.access.redhat.com'],
  },
  {
    name: 'kubeadm and others: the pause image and the control plane',
    scopes: ['registry.k8s.io'],
  },
  { name: 'RKE2 and K3s: their system images', scopes: ['docker.io/rancher'] },
  {
    name: 'Amazon EKS: the pause image and add-ons',
    scopes: ['602401143452.dkr.ecr.us-west-2.amazonaws.com/eks'],
  },
  { name: 'Google GKE: system images', scopes: ['gke.gcr.io'] },
  { name: 'Azure AKS: system images', scopes: ['mcr.microsoft.com'] },
];

/** The platforms some of whose images lie in a scope. */
export function platformsIn(scope: string): readonly Platform[] {
  return PLATFORMS.filter(({ scopes }) =>
    scopes.some((own) => isAround(scope, own) || isAround(own, scope)),
  );
}

function isAround(one: string, other: string): boolean {
  return scopeChain(other).includes(one);
}
