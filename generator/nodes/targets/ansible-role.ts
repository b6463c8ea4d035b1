// An Ansible role: copies the files, and reloads CRI-O where it runs.
import { NODE_FILE_MODE, type NodeFile } from '../node-file.ts';
import type { TargetOptions, WrittenFile } from './target.ts';

const OCTAL = 8;

/** The files of a role, below a directory with its name. */
export function writeAnsibleRole(
  files: readonly NodeFile[],
  { name }: TargetOptions,
): readonly WrittenFile[] {
  const role = toRoleName(name);
  const texts = {
    'README.md': formatReadme(role, files),
    'defaults/main.yml': formatDefaults(role),
    'handlers/main.yml': formatHandlers(role),
    'meta/main.yml': formatMeta(role),
    'tasks/main.yml': formatTasks(role, files),
  };
  return [
    ...Object.entries(texts).map(([path, text]) => ({
      path: `${role}/${path}`,
      bytes: Buffer.from(text),
    })),
    ...files.map(({ path, bytes }) => ({ path: `${role}/files/${path}`, bytes })),
  ];
}

/** Roles, and with them their variables, have the names of variables. */
function toRoleName(name: string): string {
  const word = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '_');
  return /^[a-z]/.test(word) ? word : `node_${word}`;
}

/** With a slash at the end of `dest`, copy makes the directories, and leaves those that are there. */
function formatTasks(role: string, files: readonly NodeFile[]): string {
  const mode = NODE_FILE_MODE.toString(OCTAL).padStart(4, '0');
  const items = files.map(({ path }) => `    - ${JSON.stringify(path)}\n`);
  return `---
- name: Install keys, stores and, last, the policy that names them
  ansible.builtin.copy:
    src: "{{ item }}"
    dest: "{{ ${role}_root }}/{{ item | dirname }}/"
    owner: "{{ ${role}_owner }}"
    group: "{{ ${role}_group }}"
    mode: "${mode}"
    directory_mode: "0755"
    backup: "{{ ${role}_backup }}"
  loop:
${items.join('')}  notify: Reload CRI-O
`;
}

function formatHandlers(role: string): string {
  return `---
- name: Find out which services run
  ansible.builtin.service_facts:
  listen: Reload CRI-O
  when: ${role}_reload

- name: Reload CRI-O where it runs
  ansible.builtin.systemd:
    name: crio.service
    state: reloaded
  listen: Reload CRI-O
  when:
    - ${role}_reload
    - ansible_facts.services['crio.service'] is defined
    - ansible_facts.services['crio.service'].state == 'running'
`;
}

function formatDefaults(role: string): string {
  return `---
# A directory that stands for /, without a slash at its end.
${role}_root: ""
${role}_owner: root
${role}_group: root
# Keep a backup beside each file that is replaced.
${role}_backup: true
# Podman, Skopeo and Buildah read the files each time, CRI-O when reloaded.
${role}_reload: "{{ ${role}_root | length == 0 }}"
`;
}

function formatMeta(role: string): string {
  return `---
galaxy_info:
  role_name: ${role}
  author: lookaside node-config
  description: Which keys sign which images, and where signatures are
  license: Apache-2.0
  min_ansible_version: "2.12"
  platforms:
    - name: EL
      versions: [all]
    - name: Fedora
      versions: [all]
    - name: Debian
      versions: [all]
    - name: Ubuntu
      versions: [all]
dependencies: []
`;
}

function formatReadme(role: string, files: readonly NodeFile[]): string {
  return `# ${role}

Written by \`lookaside node-config\`: tells nodes which keys sign which images, and where signatures
are. It installs

${files.map(({ path }) => `- \`/${path}\``).join('\n')}

and reloads CRI-O where it runs. A file that is replaced is kept beside the new one
(\`${role}_backup\`). A file that only an
earlier version of the role installed stays: remove it yourself.

\`\`\`yaml
- hosts: nodes
  become: true
  roles:
    - ${role}
\`\`\`
`;
}
