import assert from 'node:assert/strict';
import { parse } from 'yaml';
import { writeAnsibleRole } from '../../../../generator/nodes/targets/ansible-role.ts';
import { FILES, OPTIONS, textOf } from './samples.ts';

function write(name = OPTIONS.name): ReadonlyMap<string, string> {
  const written = writeAnsibleRole(FILES, { ...OPTIONS, name });
  return new Map(written.map((file) => [file.path, textOf(file)]));
}

describe('the Ansible role', () => {
  it('has the files as they are', () => {
    const role = write();
    for (const { path, bytes } of FILES) {
      assert.equal(role.get(`lookaside/files/${path}`), Buffer.from(bytes).toString());
    }
  });

  it('installs files in the order in which they are given', () => {
    const [task] = parse(write().get('lookaside/tasks/main.yml') ?? '');
    assert.deepEqual(
      task.loop,
      FILES.map(({ path }) => path),
    );
  });

  const names = { lookaside: 'lookaside', 'My-Store.1': 'my_store_1', '9lives': 'node_9lives' };
  for (const [name, role] of Object.entries(names)) {
    it(`is named ${role} for ${name}, and its variables with it`, () => {
      const files = write(name);
      const variables = Object.keys(parse(files.get(`${role}/defaults/main.yml`) ?? ''));
      assert.ok(variables.length > 0);
      for (const variable of variables) assert.ok(variable.startsWith(`${role}_`), variable);
    });
  }

  it('says in its README what it installs', () => {
    const readme = write().get('lookaside/README.md') ?? '';
    for (const { path } of FILES) assert.ok(readme.includes(`- \`/${path}\``), path);
  });
});
