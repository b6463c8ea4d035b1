// Vendors that sign their images in this way, and where nodes find signatures and keys. Every entry says who
// says so. A scope takes from it what it does not say itself.
import { findAround } from './scope-chain.ts';

/** What nodes need for images of a vendor. */
export interface VendorScope {
  /** The address of the vendor's store. */
  readonly store: string;
  /** Where the vendor's own systems have its keys, absolute; undefined where that is not known. */
  readonly keyPath?: string;
}

/** On RHEL of itself; containers-common brings it on Fedora and CentOS (containers/common rpm/containers-common.spec). */
const REDHAT_KEY = '/etc/pki/rpm-gpg/RPM-GPG-KEY-redhat-release';

/** By vendor, then by scope. */
export const VENDORS = {
  // Stores: containers/common contrib/redhat/registry.access.redhat.com.yaml and registry.redhat.io.yaml, which
  // RHEL, Fedora and CentOS have in registries.d. Keys: the same package, and Red Hat's guides, which let
  // `podman image trust set -f` name that file.
  redhat: {
    'registry.access.redhat.com': {
      store: 'https://access.redhat.com/webassets/docker/content/sigstore',
      keyPath: REDHAT_KEY,
    },
    'registry.redhat.io': {
      store: 'https://registry.redhat.io/containers/sigstore',
      keyPath: REDHAT_KEY,
    },
  },
  // Releases of OpenShift, in the layout that nodes read; images of a release have no signatures of their own.
  // Store: guides for mirroring operator catalogues, which give it to quay.io. Keys: releases are signed with Red
  // Hat's release key (openshift/cluster-update-keys).
  openshift: {
    'quay.io/openshift-release-dev/ocp-release': {
      store: 'https://mirror.openshift.com/pub/openshift-v4/signatures',
      keyPath: REDHAT_KEY,
    },
  },
  // Stores: a published configuration of NixOS nodes that verify both (registries.d/suse.yaml). It brings the keys
  // itself, so nothing is known of where SUSE's own systems have them.
  suse: {
    'registry.opensuse.org': { store: 'https://registry.opensuse.org/sigstore' },
    'registry.suse.com': { store: 'https://registry.suse.com/sigstore' },
  },
} as const satisfies Record<string, Record<string, VendorScope>>;

export type VendorName = keyof typeof VENDORS;

export const VENDOR_NAMES = [
  'redhat',
  'openshift',
  'suse',
] as const satisfies readonly VendorName[];

/** The entry of a vendor for a scope, or for one around it; undefined where the vendor has no such images. */
export function findVendorScope(vendor: VendorName, scope: string): VendorScope | undefined {
  return findAround(new Map<string, VendorScope>(Object.entries(VENDORS[vendor])), scope);
}

/** The scopes of a vendor. */
export function listVendorScopes(vendor: VendorName): readonly string[] {
  return Object.keys(VENDORS[vendor]);
}
