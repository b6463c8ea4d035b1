// The forms that node-config writes hold the same files, as the tools that read them see it.
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { describeWith, toolPath } from '../with-tools.ts';
import { SCOPES, readTree, runNodeConfig, writeTarget } from '../kit/node/node-config.ts';
import { run, runOrThrow } from '../kit/process/run.ts';
import { useTemporary } from '../kit/temporary.ts';

const ignitionSchema = z.looseObject({
  ignition: z.object({ version: z.string() }),
  storage: z.object({
    files: z.array(z.looseObject({ path: z.string(), contents: z.object({ source: z.string() }) })),
  }),
});
const machineConfigSchema = z.object({ spec: z.object({ config: ignitionSchema }) });

describe('node-config --target', () => {
  const directory = useTemporary();

  const readFiles = async (args?: readonly string[]) => {
    const files = await writeTarget('files', join(directory(), 'files'), args);
    return new Map([...files].map(([path, text]) => [`/${path}`, text]));
  };

  describeWith(['ignition-validate'], 'machineconfig', () => {
    const variants: readonly (readonly [ofFiles: readonly string[], own: readonly string[]])[] = [
      [[], []],
      [['--keys-as', 'data'], []],
      [[], ['--ignition', '3.1.0']],
      [[], ['--pool', 'worker,master', '--pool', 'infra']],
    ];
    for (const [ofFiles, own] of variants) {
      const variant = [...ofFiles, ...own];
      it(`passes ignition-validate and holds the files: ${variant.join(' ')}`, async () => {
        const args = [...SCOPES, ...variant];
        const { code, stdout, stderr } = await runNodeConfig('machineconfig', '-', args);
        assert.equal(code, 0, stderr);
        const documents = parseAllDocuments(stdout).map((document) => document.toJS());
        assert.equal(documents.length, variant.includes('--pool') ? 3 : 1);
        const expected = await readFiles([...SCOPES, ...ofFiles]);
        for (const { spec } of z.array(machineConfigSchema).parse(documents)) {
          await validate(spec.config, directory());
          assert.deepEqual(decode(spec.config), expected);
        }
      });
    }

    // Debian's ignition-validate knows neither: what they hold is the same.
    for (const [ignition, ours] of Object.entries({
      '2.2.0': { filesystem: 'root' },
      '3.4.0': {},
    })) {
      it(`holds the same in Ignition ${ignition}`, async () => {
        const args = [...SCOPES, '--ignition', ignition];
        const { stdout } = await runNodeConfig('machineconfig', '-', args);
        const { config } = machineConfigSchema.parse(parse(stdout)).spec;
        assert.equal(config.ignition.version, ignition);
        assert.deepEqual(decode(config), await readFiles());
        const files = config.storage.files.map((file) => {
          for (const [name, value] of Object.entries(ours)) assert.equal(file[name], value);
          const entries = Object.entries(file).filter(([name]) => !(name in ours));
          return Object.fromEntries(entries);
        });
        const likeness = { ...config, ignition: { version: '3.2.0' }, storage: { files } };
        await validate(likeness, directory());
      });
    }
  });

  it('machineconfig warns of what applying it undoes', async () => {
    const { stderr } = await runNodeConfig('machineconfig', '-');
    assert.match(stderr, /^lookaside: warning: this policy\.json replaces the operator's/m);
  });

  it('butane holds the files', async () => {
    const { code, stdout, stderr } = await runNodeConfig('butane', '-');
    assert.equal(code, 0, stderr);
    const { files } = z
      .object({
        storage: z.object({
          files: z.array(
            z.object({ path: z.string(), contents: z.object({ inline: z.string() }) }),
          ),
        }),
      })
      .parse(parse(stdout, { version: '1.1' })).storage;
    const inline = files.map(({ path, contents }) => [path, contents.inline] as const);
    assert.deepEqual(new Map(inline), await readFiles());
  });

  it('butane is an archive on standard output where there are several files', async () => {
    const archive = join(directory(), 'butane.tar');
    const { stdout } = await runNodeConfig('butane', '-', [...SCOPES, '--pool=worker,master']);
    await writeFile(archive, stdout, 'latin1');
    const listed = await runOrThrow('tar', ['-tf', archive]);
    assert.equal(listed.stdout, '99-zz-worker-lookaside.bu\n99-zz-master-lookaside.bu\n');
  });

  it('cloud-init holds the files', async () => {
    const { stdout } = await runNodeConfig('cloud-init', '-');
    const { write_files: entries } = z
      .object({ write_files: z.array(z.object({ path: z.string(), content: z.string() })) })
      .parse(parse(stdout));
    const decoded = entries.map(
      ({ path, content }) => [path, Buffer.from(content, 'base64').toString('latin1')] as const,
    );
    assert.deepEqual(new Map(decoded), await readFiles());
  });

  describeWith(['shellcheck'], 'kickstart', () => {
    it('writes the files, with a script that shellcheck has nothing to say about', async () => {
      const { stdout } = await runNodeConfig('kickstart', '-');
      const [, script = ''] = /^%post --erroronfail\n([^]*)^%end\n/m.exec(stdout) ?? [];
      const args = ['--shell=sh', '--severity=style', '-'];
      await runOrThrow(toolPath('shellcheck'), args, { input: script });
      const root = join(directory(), 'root');
      // The same below a directory that stands for /.
      const moved = script.replaceAll("'/", `'${root}/`);
      await runOrThrow('sh', ['-c', moved]);
      const written = await writeTarget('files', join(directory(), 'files'));
      assert.deepEqual(await readTree(root), written);
    });
  });

  describeWith(['gpg'], 'flatpak', () => {
    it('writes a store and keys for each scope', async () => {
      const config = join(directory(), 'lookaside.yaml');
      const scopes = { 'quay.io/team': { keys: ['release.asc', 'security.asc'], prefix: 'a/b' } };
      await writeConfig(config, scopes);
      const files = await writeTarget('flatpak', join(directory(), 'out'), ['--config', config]);
      assert.deepEqual(
        [...files.keys()],
        ['lookaside-quay.io-team.asc', 'lookaside-quay.io-team.flatpak'],
      );
      const options = files.get('lookaside-quay.io-team.flatpak')?.split('\n') ?? [];
      assert.deepEqual(
        options.filter((line) => line.startsWith('-')),
        [
          '--signature-lookaside=https://signatures.example.com/a/b',
          '--gpg-import=lookaside-quay.io-team.asc',
        ],
      );
      const key = join(directory(), 'out', 'lookaside-quay.io-team.asc');
      const { stdout } = await runOrThrow('gpg', ['--show-keys', '--with-colons', key]);
      assert.equal(stdout.match(/^pub:/gm)?.length, 2);
    });

    const keys = ['release.asc', 'security.asc'];
    const notForFlatpak = {
      'several keys': { keys, require: 'all' },
      remapIdentity: {
        keys,
        signedIdentity: { type: 'remapIdentity', prefix: 'quay.io/a', signedPrefix: 'quay.io/b' },
      },
    };
    for (const [word, scope] of Object.entries(notForFlatpak)) {
      it(`refuses what it would understand otherwise: ${word}`, async () => {
        const config = join(directory(), 'lookaside.yaml');
        await writeConfig(config, { 'quay.io/team': scope });
        const args = ['--config', config];
        const { code, stderr } = await runNodeConfig('flatpak', directory(), args);
        assert.equal(code, 2);
        assert.match(stderr, new RegExp(`^lookaside: --target flatpak: .*quay.io/team.*${word}`));
      });
    }
  });

  const wrong = {
    'flatpak, with a query': ['flatpak', '--url=https://x.example.com/?a=b', /without a query/],
    'a pool that sorts behind': ['machineconfig', '--pool=zzz', /99-zzz-generated-registries/],
    'a name that Kubernetes refuses': ['butane', '--name=Store', /lower-case letters/],
    'one user’s files as a MachineConfig': ['machineconfig', '--rootless', /for the whole system/],
    'one user’s files as a script': ['script', '--rootless', /for the whole system/],
  } as const;
  for (const [what, [target, flag, message]] of Object.entries(wrong)) {
    it(`refuses ${what}`, async () => {
      await rm(join(directory(), 'out'), { recursive: true, force: true });
      const result = await runNodeConfig(target, join(directory(), 'out'), [...SCOPES, flag]);
      assert.equal(result.code, 2);
      assert.match(result.stderr, /^lookaside: --target /m);
      assert.match(result.stderr, message);
      assert.equal((await run('ls', [join(directory(), 'out')])).stdout, '');
    });
  }
});

function decode({ storage }: z.output<typeof ignitionSchema>): ReadonlyMap<string, string> {
  return new Map(
    storage.files.map(({ path, contents }) => {
      const [, base64 = ''] = contents.source.split(';base64,');
      return [path, Buffer.from(base64, 'base64').toString('latin1')];
    }),
  );
}

async function validate(config: unknown, directory: string): Promise<void> {
  const file = join(directory, 'config.ign');
  await writeFile(file, JSON.stringify(config));
  const { stdout, stderr } = await runOrThrow(toolPath('ignition-validate'), [file]);
  assert.equal(stdout + stderr, '');
}

/** Writes a configuration file with scopes, whose keys are of the example repository. */
async function writeConfig(path: string, scopes: Record<string, object>): Promise<void> {
  const keys = join(import.meta.dirname, '../../signatures/keys/');
  const text = JSON.stringify({ scopes }).replaceAll(/"([a-z]+\.asc)"/g, `"${keys}$1"`);
  await writeFile(path, text);
}
