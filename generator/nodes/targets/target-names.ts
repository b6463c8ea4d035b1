/** The forms in which a node's files can be written down. */
export const TARGET_NAMES = [
  'files',
  'machineconfig',
  'butane',
  'script',
  'ansible',
  'kickstart',
  'cloud-init',
  'flatpak',
] as const;

export type TargetName = (typeof TARGET_NAMES)[number];
