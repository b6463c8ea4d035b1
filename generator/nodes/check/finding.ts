// What can be wrong with the files of a node. The set of codes is closed: reports, the docs and
// the checks of other people rely on it.
import { toLine } from '../../terms/text.ts';

/** Every code with its cause and its cure, as docs/nodes.md lists them. */
export const NODE_FINDINGS = {
  'missing-file': {
    cause: 'A file that the node needs is missing.',
    cure: 'Install the files that `lookaside node-config --out DIR` writes.',
  },
  'registries-unreadable': {
    cause: 'Nodes refuse a file of registries.d, and with it every pull.',
    cure: 'Correct the YAML, or install the file again.',
  },
  'duplicate-scope': {
    cause: 'Two files of registries.d have the same scope. Nodes fail every pull.',
    cure: 'Remove the scope from one of the two files.',
  },
  'duplicate-default': {
    cause: 'Two files of registries.d have `default-docker`. Nodes fail every pull.',
    cure: 'Remove `default-docker` from one of the two files.',
  },
  'unknown-member': {
    cause: 'A file of registries.d has a member that nodes do not know. They ignore it silently.',
    cure: 'Correct its name.',
  },
  'ignored-file': {
    cause: 'The name of a file in registries.d does not end in `.yaml`. Nodes do not read it.',
    cure: 'Rename it to end in `.yaml`, or remove it.',
  },
  'default-replaced': {
    cause:
      'The `default-docker` section that names the store is missing, or an update restored the old file.',
    cure: 'Install `default.yaml` again, and keep updates from replacing it.',
  },
  'store-missing': {
    cause: 'No section of registries.d sends nodes to the store for the images of a scope.',
    cure: 'Add the section for the scope, or install the file of registries.d again.',
  },
  'store-differs': {
    cause: 'The section of a scope names another store.',
    cure: 'Write the address of the store into it, or install the file of registries.d again.',
  },
  'narrower-section': {
    cause: 'A section for a part of a scope sends that part to another store.',
    cure: 'Remove the section, or write the address of the store into it.',
  },
  'old-client-key-missing': {
    cause: 'Clients before containers/image 5.22 read `sigstore`, which does not name the store.',
    cure: 'Write `sigstore` beside `lookaside`, or give `--clients 5.22+` if there are no such clients.',
  },
  'key-order': {
    cause:
      'A section has `lookaside` and `sigstore` with different stores: old and new clients ask different ones.',
    cure: 'Give both the same address.',
  },
  'http-store': {
    cause: 'Nodes read the store over http: anyone on the network path can withhold signatures.',
    cure: 'Serve the store over https, and write its address with `https://`.',
  },
  'trailing-slash': {
    cause:
      'The address ends with a slash, so nodes ask for `//`, which many servers do not answer.',
    cure: 'Remove the slash at the end of the address.',
  },
  'registry-as-store': {
    cause: 'The address is that of the registry, which has no signatures.',
    cure: 'Write the address of the store in its place.',
  },
  'no-scheme': {
    cause: 'The address has no scheme. Nodes fail every pull of the scope; some versions crash.',
    cure: 'Write `https://` before it, or `file://` before a path.',
  },
  'unsupported-scheme': {
    cause: 'The scheme is not https, http or file. Nodes fail every pull of the scope.',
    cure: 'Use an `https://` address.',
  },
  'store-unusable': {
    cause:
      'The address cannot be parsed, or nodes change it before they use it: escapes, dot segments, a fragment.',
    cure: 'Write the address of the store as `--url` has it.',
  },
  'staging-differs': {
    cause: 'Signatures made on the machine are written somewhere other than `--staging`.',
    cure: 'Install the file of registries.d again, with `--staging DIR`.',
  },
  'not-readable-by-users': {
    cause:
      'Users other than root may not read a file, or may not enter a directory above it: their tools fail.',
    cure: 'Open it to everybody: `chmod a+r` for a file, `chmod a+rx` for a directory.',
  },
  'user-registries-hide': {
    cause:
      "A user's registries.d, which replaces the system's or is read with it, is not as it should be.",
    cure: 'Remove the directory, or install the files for the user with `--rootless`.',
  },
  'user-policy-hides': {
    cause: "A user's policy.json replaces the system's, and is not as it should be.",
    cure: 'Remove the file, or install the files for the user with `--rootless`.',
  },
  'docker-verifies-nothing': {
    cause: 'Docker of RHEL 7 and CentOS 7 is told to look at no policy: it takes images unsigned.',
    cure: 'Take `--signature-verification=false` out of OPTIONS, and restart docker.',
  },
  'policy-unreadable': {
    cause: 'Nodes refuse policy.json, and with it every pull.',
    cure: 'Correct it according to containers-policy.json(5), or install the file again.',
  },
  'policy-scope-missing': {
    cause:
      'policy.json has no requirements for a scope, so those of a wider scope or the default apply.',
    cure: 'Add the scope: `lookaside node-config --merge policy.json --out DIR`.',
  },
  'weaker-scope': {
    cause: 'policy.json accepts images of a scope that it should refuse.',
    cure: 'Require for the scope all that the gate requires, or install policy.json again.',
  },
  'stricter-scope': {
    cause: 'policy.json requires more for a scope than it should: good images may be refused.',
    cure: 'If that is intended, leave it; otherwise install policy.json again.',
  },
  'other-requirement': {
    cause: 'policy.json requires something other than signatures by the keys of a scope.',
    cure: 'Require `signedBy` with the keys of the scope, or install policy.json again.',
  },
  'identity-differs': {
    cause:
      'The `signedIdentity` of a scope differs: nodes accept signatures under other image names.',
    cure: 'Install policy.json again, or change the scope that the gate goes by.',
  },
  'weaker-subscope': {
    cause: 'A scope of policy.json within one of ours accepts images that ours refuses.',
    cure: 'Remove the scope, or give it the requirements of the one around it.',
  },
  'unmatched-scope': {
    cause:
      'A scope or transport of policy.json is one that no image has, so nodes ignore it silently, and the default applies; or a `signedPrefix` is one that no signature has.',
    cure: 'Write the scope as nodes name images, for example `docker.io/library/app`, and the transport as `docker`.',
  },
  'weaker-default': {
    cause: 'policy.json accepts images that no scope covers, and `--default` rejects them.',
    cure: 'Correct the default of policy.json, or install the file again.',
  },
  'wrong-keys': {
    cause: 'A scope does not have the keys that it should have.',
    cure: 'Install the keys again; after a rotation, remove those that are no longer in use.',
  },
  'key-file-missing': {
    cause: 'policy.json names a key file that is not there. Nodes refuse the images of the scope.',
    cure: 'Install the keys again, or correct the path in policy.json.',
  },
  'key-file-unreadable': {
    cause: 'A key file or `keyData` does not hold OpenPGP public keys.',
    cure: 'Export the keys with `gpg --export --armor KEY`, or install the keys again.',
  },
  'private-key': {
    cause: 'A key file of the node, or its policy, holds a private key: whoever reads it can sign.',
    cure: 'Replace it with the public key; treat the key as stolen, and sign with another one.',
  },
  'key-not-taken': {
    cause:
      'Nodes do not take all of a key file, or not all clients do: see the [notes on keys](rejection-codes.md#notes-on-keys).',
    cure: 'Install the keys again, from files that `lookaside node-config --out DIR` writes.',
  },
  'key-revoked': {
    cause: 'A key on the node is revoked. Nodes refuse everything that it signed.',
    cure: 'Sign with another key; then install the keys again.',
  },
  'key-cannot-sign': {
    cause:
      'No part of a key on the node may sign any more: its signing subkeys have expired or are revoked.',
    cure: 'Give the key a subkey that can sign, or sign with another key; then install the keys again.',
  },
  'key-outdated': {
    cause:
      'The copy of a key on the node is not the one that was given: it lacks a revocation or a subkey, or expires at another time.',
    cure: 'Install the keys again, from the newest copy of the key.',
  },
  'key-expired': {
    cause: 'A key on the node has expired, so the node refuses everything that it signed.',
    cure: 'Extend the key, or sign with another one; then install the keys again.',
  },
  'key-expires-soon': {
    cause: 'A key on the node expires within `--expiry-warning`.',
    cure: 'Extend the key, and install the keys again before it expires.',
  },
} as const satisfies Record<string, { cause: string; cure: string }>;

export type NodeFindingCode = keyof typeof NODE_FINDINGS;

/** A fault keeps nodes from doing what they should; a warning is for people to judge. */
export type Severity = 'fault' | 'warning';

/** What is wrong with a file of a node. All texts are one printable line. */
export interface NodeFinding {
  readonly code: NodeFindingCode;
  readonly severity: Severity;
  /** Relative to the root of the node, or to the home directory. */
  readonly path: string;
  /** The scope that it concerns, as policy.json has it; undefined if it concerns all. */
  readonly scope: string | undefined;
  /** "expected X, got Y". */
  readonly message: string;
  readonly hint: string;
}

interface Particulars {
  readonly scope?: string | undefined;
  /** A fault unless told. */
  readonly severity?: Severity | undefined;
  /** The code's cure unless a better one is known. */
  readonly hint?: string | undefined;
}

/** Builds a finding. */
export function createFinding(
  code: NodeFindingCode,
  path: string,
  message: string,
  { scope, severity = 'fault', hint = NODE_FINDINGS[code].cure }: Particulars = {},
): NodeFinding {
  return {
    code,
    severity,
    path: toLine(path),
    scope: scope === undefined ? undefined : toLine(scope),
    message: toLine(message),
    hint: toLine(hint),
  };
}

/** A scope as sentences name it. */
export function nameScope(scope: string): string {
  return scope === '' ? 'images outside all scopes' : JSON.stringify(scope);
}
