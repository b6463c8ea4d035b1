// What a proposal takes away from nodes. The set of codes is closed: docs and other people's checks rely
// on it.

const ALLOW =
  'Where it is meant, it is allowed by the label `allow-removals` on the proposal, by `git push -o lookaside.allow-removals` where the git server takes that, or by `--allow-removals`.';

/** Every code with its cause and its cure. */
export const LOSSES = {
  'signature-removed': {
    cause: 'A good signature is removed from where nodes look for it. Nodes may refuse the image.',
    cure: `Put the file back. ${ALLOW}`,
  },
  'signature-replaced': {
    cause: 'Other bytes take the place of a good signature. Nodes may refuse the image.',
    cure: 'Put the file back, and give the new signature the next free number.',
  },
  'signature-excluded': {
    cause:
      'A change of rules, keys or limits takes a good signature out of what is served. Nodes may refuse the image.',
    cure: `Take the change back until nothing needs the signature. ${ALLOW}`,
  },
  'key-withdrawn': {
    cause: 'A scope no longer accepts a key: what the key signed is no longer served.',
    cure: `Put the key back until nothing needs it. ${ALLOW}`,
  },
} as const satisfies Record<string, { cause: string; cure: string }>;

export type LossCode = keyof typeof LOSSES;

/** One thing that nodes had, and would have no longer. */
export interface Loss {
  /** From the root of the repository: the signature, or the configuration that named the key. */
  readonly path: string;
  readonly code: LossCode;
  /** One line without a full stop. */
  readonly message: string;
  readonly hint: string;
  /** Whether it is meant: then it is told, and is no fault. */
  readonly isAllowed?: true;
}

/** Builds a loss; its hint is the cure of its code. */
export function toLoss(code: LossCode, path: string, message: string): Loss {
  return { path, code, message, hint: LOSSES[code].cure };
}
