// Who pastes the commands of the README and of the tutorial into a shell gets an accepted pull.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { freePort } from '../kit/process/free-port.ts';
import { type Registry, startRegistry } from '../kit/registry/registry.ts';
import { writeScratchImage } from '../kit/registry/scratch-image.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';
import { type Pasted, paste, readBlocks } from './pasted-blocks.ts';

/** What a reader's machine takes from elsewhere, or has at its fixed ports. */
type Replacements = Readonly<Record<string, string>>;

describeWith(['podman', 'skopeo', 'docker-registry', 'gpg', 'git'], 'the first steps', () => {
  const directory = useTemporary();
  const at = (name: string): string => join(directory(), name);

  /** A built clone, in which new files stay apart from this one. */
  async function makeClone(): Promise<void> {
    await mkdir(at('clone'));
    for (const name of readdirSync('.').filter((entry) => !/^(?:\.git|try)$/.test(entry))) {
      await symlink(resolve(name), at(`clone/${name}`));
    }
  }

  /** Somebody's home, with what they have told git, and podman as far as tests need it. */
  async function makeHome(): Promise<Readonly<Record<string, string | undefined>>> {
    await mkdir(at('tmp'));
    await writeFile(at('.gitconfig'), '[user]\nname = Reader\nemail = reader@example.com\n');
    const storage = `driver = "vfs"\ngraphroot = "${at('graph')}"\nrunroot = "${at('run')}"\n`;
    await writeFile(at('storage.conf'), `[storage]\n${storage}`);
    const engine = `events_logger = "none"\ntmp_dir = "${at('engine')}"\n`;
    await writeFile(at('containers.conf'), `[engine]\n${engine}`);
    return {
      HOME: directory(),
      TMPDIR: at('tmp'),
      XDG_CONFIG_HOME: undefined,
      GIT_CONFIG_GLOBAL: at('.gitconfig'),
      CONTAINERS_CONF: at('containers.conf'),
      CONTAINERS_STORAGE_CONF: at('storage.conf'),
      npm_config_offline: 'true',
    };
  }

  async function follow(file: string, replacements: Replacements): Promise<readonly Pasted[]> {
    await makeClone();
    const [store, status] = [await freePort(), await freePort()];
    const all: Replacements = {
      // The clone is built.
      'npm ci && npm run build': 'true',
      'localhost:8080': `localhost:${store}`,
      'localhost:8081': `localhost:${status}`,
      ...replacements,
    };
    let page = readFileSync(file, 'utf8');
    for (const [from, to] of Object.entries(all)) {
      assert.ok(page.includes(from), `${file} has no ${from}`);
      page = page.replaceAll(from, to);
    }
    const env = { ...(await makeHome()), LOOKASIDE_STATUS_LISTEN: `localhost:${status}` };
    return paste(readBlocks(page), { cwd: at('clone'), env });
  }

  it('of the tutorial end with an accepted pull, and leave nothing', async () => {
    const registry = await freePort();
    const pasted = await follow('docs/tutorial.md', { 'localhost:5000': `localhost:${registry}` });
    assertAsShown(pasted);
    assert.ok(pasted.some(({ commands, failed }) => commands.startsWith('pull ') && !failed));
    assert.equal(pasted.filter(({ mustFail }) => mustFail).length, 2);
    assert.ok(!(await readdir(at('clone'))).includes('try'));
  });

  describe('of the README', () => {
    let registry: Registry;
    before(async () => {
      registry = await startRegistry();
    });
    after(() => registry.stop());

    it('end with an accepted pull, and leave nothing', async () => {
      await writeScratchImage(at('layout'));
      const pasted = await follow('README.md', {
        'localhost:5000': registry.host,
        'docker://docker.io/library/alpine': `oci:${at('layout')}`,
      });
      assertAsShown(pasted);
      const [first] = pasted;
      assert.match(first?.commands ?? '', /skopeo copy .*\n$/);
      assert.ok(!(await readdir(at('clone'))).includes('try'));
    });
  });
});

function assertAsShown(pasted: readonly Pasted[]): void {
  const log = pasted.map(({ commands, output }) => `${commands}${output}`).join('\n');
  for (const { commands, shown, mustFail, failed, output } of pasted) {
    assert.equal(failed, mustFail, `${commands}\nin\n${log}`);
    for (const line of shown) assert.ok(output.includes(line), `no ${line} after\n${log}`);
  }
}
