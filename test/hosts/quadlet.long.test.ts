// The files for Podman, read by its own generator of units.
import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type RunResult, run } from '../kit/process/run.ts';
import { fetchQuadlet } from '../kit/systemd/fetch-quadlet.ts';
import { useTemporary } from '../kit/temporary.ts';
import { noteLeftOut } from '../with-tools.ts';

const FILES = 'deploy/quadlet';
const CONTAINER = 'lookaside.container';

describe('the files for Podman', () => {
  const tools = useTemporary('suite');
  const directory = useTemporary();
  let quadlet: string;

  before('fetch Quadlet', async function fetch() {
    const path = await fetchQuadlet(tools());
    if (path !== undefined) quadlet = path;
    else {
      if (this.test?.parent) noteLeftOut(this.test.parent, ['quadlet (of podman 5)']);
      this.skip();
    }
  });
  beforeEach(() => cp(FILES, directory(), { recursive: true }));

  const generate = async (): Promise<RunResult> =>
    run(quadlet, ['-dryrun'], { env: { QUADLET_UNIT_DIRS: directory() } });
  const change = async (from: RegExp, to: string): Promise<void> => {
    const text = await readFile(join(directory(), CONTAINER), 'utf8');
    assert.match(text, from);
    await writeFile(join(directory(), CONTAINER), text.replaceAll(from, to));
  };

  it('become units that confine the container, and wait until it is healthy', async () => {
    const { code, stdout, stderr } = await generate();
    assert.equal(code, 0, stderr);
    const [, command = ''] = /^ExecStart=\/usr\/bin\/podman run (.*)$/m.exec(stdout) ?? [];
    for (const words of [
      '--read-only',
      '--cap-drop all',
      '--security-opt=no-new-privileges',
      '--userns auto',
      '--sdnotify=healthy',
      '--health-cmd "lookaside health http://localhost:8081"',
      '-v lookaside-state:/var/lib/lookaside:U',
      '--label io.containers.autoupdate=registry',
    ]) {
      assert.ok(command.includes(words), `${words} is not in ${command}`);
    }
    assert.match(stdout, /^ExecStart=\/usr\/bin\/podman volume create .*lookaside-state$/m);
    assert.match(stdout, /^Type=notify$/m);
  });

  it('do so with the secrets that they name', async () => {
    await change(/^#Secret=/gm, 'Secret=');
    const { code, stdout, stderr } = await generate();
    assert.equal(code, 0, stderr);
    const secrets = [...stdout.matchAll(/--secret lookaside-[a-z-]+,type=mount,target=/g)];
    assert.equal(secrets.length, 4);
  });

  it('would not, with a key that Podman does not know', async () => {
    await change(/^ReadOnly=/gm, 'ReadOny=');
    const { code, stderr } = await generate();
    assert.equal(code, 1);
    assert.match(stderr, /unsupported key 'ReadOny' in group 'Container'/);
  });
});
