// What can be wrong with the files of a node. The set of codes is closed: reports, the docs and
// the checks of other people rely on it.
import { toLine } from '../../terms/text.ts';

/** Every code with its cause and its cure, as docs/nodes.md lists them. */
export const NODE_FINDINGS = {
  'missing-file': {
    cause: 'A file that the node needs is not there.',
    cure: 'Lay out the files of `lookaside node-config --out DIR`.',
  },
  'registries-unreadable': {
    cause: 'Nodes refuse a file of registries.d, and with it every pull.',
    cure: 'Mend the YAML, or lay out the file anew.',
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
    cause: 'A member of registries.d that nodes do not know. They ignore it without a word.',
    cure: 'Correct its name.',
  },
  'ignored-file': {
    cause: 'A file in registries.d whose name does not end in `.yaml`. Nodes do not read it.',
    cure: 'Rename it to end in `.yaml`, or remove it.',
  },
  'default-replaced': {
    cause:
      'The `default-docker` section that names the store is not there, or an update brought the old file back.',
    cure: 'Lay out `default.yaml` anew, and keep updates from replacing it.',
  },
  'store-missing': {
    cause: 'No section of registries.d leads the images of a scope to the store.',
    cure: 'Add the section for the scope, or lay out the file of registries.d anew.',
  },
  'store-differs': {
    cause: 'The section of a scope names another store.',
    cure: 'Write the address of the store into it, or lay out the file of registries.d anew.',
  },
  'narrower-section': {
    cause: 'A section for a part of a scope sends that part to another store.',
    cure: 'Remove the section, or write the address of the store into it.',
  },
  'old-client-key-missing': {
    cause: 'Clients before containers/image 5.22 read `sigstore`, which does not name the store.',
    cure: 'Write `sigstore` beside `lookaside`, or say `--clients 5.22+` if there are no such clients.',
  },
  'key-order': {
    cause:
      'A section has `lookaside` and `sigstore` with different stores: old and new clients ask different ones.',
    cure: 'Give both the same address.',
  },
  'http-store': {
    cause: 'The store is read over http: whoever is on the way can withhold signatures.',
    cure: 'Serve the store with https, and name it so.',
  },
  'trailing-slash': {
    cause: 'The address ends with a slash, so nodes ask for `//`, which many servers do not have.',
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
      'The address does not parse, or nodes change it on the way: escapes, dot segments, a fragment.',
    cure: 'Write the address of the store as `--url` has it.',
  },
  'staging-differs': {
    cause: 'Signatures that are made on the machine are written to another place than `--staging`.',
    cure: 'Lay out the file of registries.d anew, with `--staging DIR`.',
  },
  'not-readable-by-users': {
    cause:
      'Users who are not root may not read a file, or not enter a directory on its way: their tools fail.',
    cure: 'Open it to all: `chmod a+r` for a file, `chmod a+rx` for a directory.',
  },
  'user-registries-hide': {
    cause: "A user's registries.d hides that of the system, and is not as it should be.",
    cure: 'Remove the directory, or lay out the files for the user with `--rootless`.',
  },
  'user-policy-hides': {
    cause: "A user's policy.json hides that of the system, and is not as it should be.",
    cure: 'Remove the file, or lay out the files for the user with `--rootless`.',
  },
  'policy-unreadable': {
    cause: 'Nodes refuse policy.json, and with it every pull.',
    cure: 'Mend it by containers-policy.json(5), or lay out the file anew.',
  },
  'policy-scope-missing': {
    cause: 'policy.json has no requirements for a scope; others hold in their place.',
    cure: 'Add the scope: `lookaside node-config --merge policy.json --out DIR`.',
  },
  'weaker-scope': {
    cause: 'policy.json lets through images of a scope that it should keep out.',
    cure: 'Ask of the scope all that the gate asks, or lay out policy.json anew.',
  },
  'stricter-scope': {
    cause: 'policy.json asks more of a scope than it should: good images may be refused.',
    cure: 'If it is meant, leave it; else lay out policy.json anew.',
  },
  'other-requirement': {
    cause: 'policy.json asks something else of a scope than signatures by its keys.',
    cure: 'Ask for `signedBy` with the keys of the scope, or lay out policy.json anew.',
  },
  'identity-differs': {
    cause: 'The `signedIdentity` of a scope is another: nodes take other names of images.',
    cure: 'Lay out policy.json anew, or change the scope of the gate.',
  },
  'weaker-subscope': {
    cause: 'A scope of policy.json within one of ours lets through what ours keeps out.',
    cure: 'Remove the scope, or give it the requirements of the one around it.',
  },
  'weaker-default': {
    cause: 'policy.json lets through images that no scope covers, and `--default` does not.',
    cure: 'Set what holds for all other images, or lay out policy.json anew.',
  },
  'wrong-keys': {
    cause: 'The keys of a scope are others than they should be.',
    cure: 'Lay out the keys anew; after a rotation, remove those that are no longer in use.',
  },
  'key-file-missing': {
    cause: 'policy.json names a key file that is not there. Nodes refuse the images of the scope.',
    cure: 'Lay out the keys anew, or correct the path in policy.json.',
  },
  'key-file-unreadable': {
    cause: 'A key file or `keyData` does not hold OpenPGP public keys.',
    cure: 'Export the keys with `gpg --export --armor KEY`, or lay out the keys anew.',
  },
  'private-key': {
    cause: 'A key file of the node, or its policy, holds a private key: whoever reads it can sign.',
    cure: 'Replace it with the public key; take the key for stolen, and sign with another one.',
  },
  'key-revoked': {
    cause: 'A key on the node is revoked. Nodes refuse all that it signed.',
    cure: 'Sign with another key; then lay out the keys anew.',
  },
  'key-cannot-sign': {
    cause:
      'No part of a key on the node may sign any more: its signing subkeys have expired or are revoked.',
    cure: 'Give the key a subkey that signs, or sign with another one; then lay out the keys anew.',
  },
  'key-outdated': {
    cause:
      'The copy of a key on the node is not the one that was given: it lacks a revocation or a subkey, or expires at another time.',
    cure: 'Lay out the keys anew, from the newest copy of the key.',
  },
  'key-expired': {
    cause: 'A key has expired on the node, which then refuses all that it signed.',
    cure: 'Extend the key, or sign with another one; then lay out the keys anew.',
  },
  'key-expires-soon': {
    cause: 'A key on the node expires within `--expiry-warning`.',
    cure: 'Extend the key, and lay out the keys anew before it expires.',
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
