import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KEYS, LOOKASIDE, POLICY, REGISTRIES, edit, editPolicy, put } from './node-tree.ts';
import { type Keys, type Mistake, TEAM } from './planted.ts';

const TEAM_KEYS = `${KEYS}/lookaside-quay.io-team.asc`;

/** Trees that are written otherwise, and make nodes do the same. */
export const equalTrees = (keys: () => Keys): Readonly<Record<string, Mistake['plant']>> => ({
  'other names of files': async (root) => {
    await cp(join(root, LOOKASIDE), join(root, REGISTRIES, 'zz.yaml'));
    await rm(join(root, LOOKASIDE));
    await cp(join(root, TEAM_KEYS), join(root, 'srv/team.gpg'));
    await rm(join(root, TEAM_KEYS));
    await edit(join(root, POLICY), `/${TEAM_KEYS}`, '/srv/team.gpg');
  },
  'keys inside the policy': async (root) => {
    const keyData = (await readFile(keys().team)).toString('base64');
    await editPolicy(join(root, POLICY), (docker) => {
      docker[TEAM] = [{ type: 'signedBy', keyType: 'GPGKeys', keyData }];
    });
    await rm(join(root, TEAM_KEYS));
  },
  'keys inside the policy, in lines': async (root) => {
    const keyData = (await readFile(keys().team)).toString('base64').replaceAll(/.{1,76}/g, '$&\n');
    await editPolicy(join(root, POLICY), (docker) => {
      docker[TEAM] = [{ type: 'signedBy', keyType: 'GPGKeys', keyData }];
    });
    await rm(join(root, TEAM_KEYS));
  },
  'a section for all registries of a domain, and files of others': async (root) => {
    await edit(join(root, LOOKASIDE), `  ${TEAM}:`, '  "*.io":');
    await writeFile(join(root, REGISTRIES, 'README'), 'what is here');
    await put(
      join(root, REGISTRIES, 'redhat.yaml'),
      'docker:\n  registry.redhat.io:\n    sigstore: https://registry.redhat.io/containers/sigstore\n',
    );
  },
});
