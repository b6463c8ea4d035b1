import assert from 'node:assert/strict';
import { findHookRepository, findLinePrefix } from '../../../signing/hook/hook-repository.ts';

describe('the repository of a hook', () => {
  it('is the working directory unless git says otherwise', () => {
    assert.equal(findHookRepository({}, '/srv/a.git').directory, '/srv/a.git');
    assert.equal(findHookRepository({ GIT_DIR: '.' }, '/srv/a.git').directory, '/srv/a.git');
    assert.equal(findHookRepository({ GIT_DIR: '/srv/b.git' }, '/').directory, '/srv/b.git');
  });

  it('has what is pushed where git says, from wherever it is read', () => {
    const { environment } = findHookRepository(
      {
        GIT_QUARANTINE_PATH: './objects/incoming-1',
        GIT_OBJECT_DIRECTORY: './objects/incoming-1',
        GIT_ALTERNATE_OBJECT_DIRECTORIES: './objects:/srv/pool/objects',
        GIT_INDEX_FILE: 'index',
        GIT_CONFIG_PARAMETERS: "'core.fsmonitor=evil'",
      },
      '/srv/a.git',
    );
    const told = Object.entries(environment).filter(([name]) => /QUARANTINE|OBJECT_D/.test(name));
    assert.deepEqual(Object.fromEntries(told), {
      GIT_QUARANTINE_PATH: '/srv/a.git/objects/incoming-1',
      GIT_OBJECT_DIRECTORY: '/srv/a.git/objects/incoming-1',
      GIT_ALTERNATE_OBJECT_DIRECTORIES: '/srv/a.git/objects:/srv/pool/objects',
    });
    assert.equal('GIT_INDEX_FILE' in environment, false);
    assert.equal('GIT_CONFIG_PARAMETERS' in environment, false);
  });

  it('marks lines for GitLab alone', () => {
    assert.equal(findLinePrefix({ GL_PROJECT_PATH: 'team/signatures' }), 'GL-HOOK-ERR: ');
    assert.equal(findLinePrefix({ GITEA_REPO_NAME: 'signatures' }), '');
  });
});
