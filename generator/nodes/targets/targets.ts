// The forms in which a node's files can be written down.
import { writeAnsibleRole } from './ansible-role.ts';
import { writeButane } from './butane.ts';
import { writeCloudInit } from './cloud-init.ts';
import { writeFlatpakOptions } from './flatpak.ts';
import { writeInstallScript } from './install-script.ts';
import { writeKickstart } from './kickstart.ts';
import { adviseOnMachineConfigs, writeMachineConfigs } from './machine-config.ts';
import type { TargetName, Target } from './target.ts';

export type { WrittenFile } from './target.ts';

const SYSTEM_ONLY = { isConcatenable: false, isForHomes: false };

export const TARGETS: Readonly<Record<TargetName, Target>> = {
  files: { write: (files) => files, isConcatenable: false, isForHomes: true },
  machineconfig: {
    write: writeMachineConfigs,
    isConcatenable: true,
    isForHomes: false,
    adviseOn: adviseOnMachineConfigs,
  },
  butane: { ...SYSTEM_ONLY, write: writeButane, adviseOn: adviseOnMachineConfigs },
  script: { ...SYSTEM_ONLY, write: writeInstallScript },
  ansible: { ...SYSTEM_ONLY, write: writeAnsibleRole },
  kickstart: { ...SYSTEM_ONLY, write: writeKickstart },
  'cloud-init': { ...SYSTEM_ONLY, write: writeCloudInit },
  // Remotes may be one user's too.
  flatpak: { write: writeFlatpakOptions, isConcatenable: false, isForHomes: true },
};
