// The options that only node-config takes.
import { TARGET_NAMES } from '../generator/node-config/target-names.ts';
import {
  absoluteDirectory,
  butaneVersion,
  fileName,
  flag,
  names,
  oneOf,
  scopeFlags,
  text,
} from './option-values.ts';
import type { Option } from './options.ts';

export const NODE_CONFIG_OPTIONS = {
  scope: {
    argument: 'SCOPE=PATH',
    description: 'keys that may sign the images of a scope, as quay.io/team=team.asc',
    commands: ['node-config'],
    repeatable: true,
    schema: scopeFlags,
  },
  target: {
    argument: 'TARGET',
    description: `what to write: ${TARGET_NAMES.join(', ')}`,
    commands: ['node-config'],
    default: 'files',
    schema: oneOf(...TARGET_NAMES),
  },
  name: {
    argument: 'NAME',
    description: 'what the names of written files begin with',
    commands: ['node-config'],
    default: 'lookaside',
    schema: fileName,
  },
  default: {
    argument: 'TYPE',
    description: 'for images that no scope covers: reject or insecureAcceptAnything',
    commands: ['node-config'],
    schema: oneOf('reject', 'insecureAcceptAnything'),
  },
  merge: {
    argument: 'FILE',
    description: 'policy.json that nodes have now: what it says of other scopes is kept',
    commands: ['node-config'],
    isPath: true,
    schema: text,
  },
  force: {
    description: 'write even where a scope or the default of the policy becomes weaker',
    commands: ['node-config'],
    default: 'false',
    schema: flag,
  },
  clients: {
    argument: 'VERSION',
    description:
      'oldest containers/image library of the nodes: any, or 5.22+ (podman 4.2, skopeo 1.9)',
    commands: ['node-config'],
    default: 'any',
    schema: oneOf('any', '5.22+'),
  },
  'keys-as': {
    argument: 'FORM',
    description:
      'how keys reach nodes: file, data inside policy.json, or no-reboot (one file that OpenShift takes without a reboot)',
    commands: ['node-config'],
    default: 'file',
    schema: oneOf('file', 'data', 'no-reboot'),
  },
  rootless: {
    description: "write for one user's home directory, with keys inside policy.json",
    commands: ['node-config'],
    default: 'false',
    schema: flag,
  },
  staging: {
    argument: 'DIR',
    description: 'for machines that sign: where skopeo and podman write signatures',
    commands: ['node-config'],
    schema: absoluteDirectory,
  },
  check: {
    argument: 'ROOT',
    description:
      'say what is wrong with the files of a node instead of writing them; ROOT stands for its /, with --rootless for a home directory',
    commands: ['node-config'],
    isPath: true,
    schema: text,
  },
  diff: {
    argument: 'DIR',
    description: 'print how the files below DIR differ from those that would be written',
    commands: ['node-config'],
    isPath: true,
    schema: text,
  },
  pool: {
    argument: 'POOL',
    description: 'machine config pools, as worker,master',
    commands: ['node-config'],
    repeatable: true,
    schema: names,
  },
  ignition: {
    argument: 'VERSION',
    description: 'version of Ignition in MachineConfigs; 2.2.0 for OpenShift before 4.6',
    commands: ['node-config'],
    default: '3.2.0',
    schema: oneOf('2.2.0', '3.1.0', '3.2.0', '3.4.0'),
  },
  butane: {
    argument: 'VERSION',
    description: 'version of the Butane variant openshift: that of the cluster, as 4.14.0',
    commands: ['node-config'],
    default: '4.12.0',
    schema: butaneVersion,
  },
} as const satisfies Record<string, Option>;
