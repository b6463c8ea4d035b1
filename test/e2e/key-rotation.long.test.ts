// Who follows docs/keys.md replaces a key, and at each step every image can be pulled, by nodes that have
// the new files of the step as by those that still have the files of the step before.
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Block, paste, readBlocks } from '../docs/pasted-blocks.ts';
import { eventually } from '../kit/eventually.ts';
import { onSystem } from '../kit/node/configured-node.ts';
import { runOrThrow } from '../kit/process/run.ts';
import { startLookasideHere } from '../kit/program/lookaside-here.ts';
import { putLookasideInPath } from '../kit/program/lookaside-in-path.ts';
import type { Lookaside } from '../kit/program/lookaside.ts';
import { readStatus } from '../kit/program/read-status.ts';
import { PUSHER } from '../kit/push/push-world.ts';
import { type Registry, startRegistry } from '../kit/registry/registry.ts';
import { architecture } from '../kit/registry/scratch-image.ts';
import { type Signer, makeSigner } from '../kit/signer/signer.ts';
import { makeTemporary, removeTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

const REPOSITORY = 'git@git.example.com:team/signatures.git';
/** Milliseconds. Many programs start one after the other. */
const LIMIT = 300_000;

describeWith(
  ['skopeo', 'podman', 'docker-registry', 'gpg', 'gpgv', 'git', 'bash', 'unshare'],
  'a key that is replaced',
  () => {
    let directory: string;
    let signer: Signer;
    let registry: Registry;
    let store: Lookaside;
    let blocks: readonly Block[];
    let env: Readonly<Record<string, string>>;
    const images: string[] = [];
    const at = (...path: readonly string[]): string => join(directory, ...path);

    before(async () => {
      directory = await makeTemporary();
      [signer, registry] = await Promise.all([makeSigner(), startRegistry()]);
      for (const name of ['old', 'new']) {
        const userId = `${name} <${name}@example.com>`;
        const key = await signer.makeKey({ algorithm: 'ed25519', userId });
        await signer.exportKeys(at(`${name}.asc`), key);
      }
      env = { ...PUSHER, GNUPGHOME: signer.home, PATH: await putLookasideInPath(directory) };
      await makeRepository();
      const config = ['--config', at('signatures', 'lookaside.yaml')];
      const state = ['--state-dir', at('state'), '--poll', '200ms'];
      store = await startLookasideHere(at('signatures.git'), [...config, ...state]);
      blocks = readBlocks(replaceAddresses(await readFile('docs/keys.md', 'utf8')));
      const list = [architecture, 's390x'];
      for (const [repository, architectures] of [
        ['team/app', list],
        ['team/web', [architecture]],
      ] as const) {
        const pushed = await registry.pushImage({ repository, tag: '1.0', architectures });
        images.push(pushed.reference);
      }
      await run(`lookaside sign ${images.join(' ')} --sign-by old@example.com --to ${REPOSITORY}`);
      await untilServed(4);
      await configure('nodes-old', 'old');
    });

    after(async () => {
      await store.stop();
      await Promise.all([registry.stop(), signer.stop()]);
      await removeTemporary(directory);
    });

    const makeRepository = async (): Promise<void> => {
      await runOrThrow('git', ['init', '--quiet', '--bare', '-b', 'main', at('signatures.git')]);
      await runOrThrow('git', ['clone', '--quiet', at('signatures.git'), at('signatures')]);
      await mkdir(at('signatures', 'keys', 'team'), { recursive: true });
      await writeFile(at('signatures', 'keys', 'team', 'old.asc'), await readFile(at('old.asc')));
      const config = { scopes: { [`${registry.host}/team`]: { keys: 'keys/team' } } };
      await writeFile(at('signatures', 'lookaside.yaml'), JSON.stringify(config));
      await run(
        'git -C signatures add --all && git -C signatures commit --quiet -m Start',
        'git -C signatures push --quiet -u origin HEAD',
      );
    };

    const replaceAddresses = (page: string): string =>
      page
        .replaceAll('registry.example.com', registry.host)
        .replaceAll(REPOSITORY, at('signatures.git'))
        .replaceAll('https://signatures.example.com', store?.baseUrl);

    /** Runs blocks as a reader pastes them, and sees that they print what the page shows. */
    const follow = async (found: readonly Block[]): Promise<string> => {
      const pasted = await paste(found, { cwd: directory, env });
      for (const { output, failed, mustFail, shown } of pasted) {
        assert.equal(failed, mustFail, output);
        for (const line of shown) assert.ok(output.includes(line), `no ${line} in\n${output}`);
      }
      return pasted.map(({ output }) => output).join('');
    };

    const run = async (...lines: readonly string[]): Promise<string> => {
      const commands = `${lines.join('\n')}\n`.replaceAll(REPOSITORY, at('signatures.git'));
      return follow([{ commands, shown: [], mustFail: false }]);
    };

    /** The block of the page in which some words are. */
    const step = async (words: string): Promise<string> => {
      const found = blocks.filter(({ commands }) => commands.includes(replaceAddresses(words)));
      assert.equal(found.length, 1, words);
      return follow(found);
    };

    const configure = async (out: string, key: string): Promise<void> => {
      const scope = `--scope ${registry.host}/team=${key}.asc --url ${store.baseUrl}`;
      await run(`lookaside node-config ${scope} --default reject --out ${out}`);
    };

    const untilServed = async (signatures: number): Promise<void> => {
      await eventually(async () => {
        const status = await readStatus(store);
        assert.equal(status.signatures, signatures);
      });
    };

    /** Every image, by podman and skopeo of nodes with these files. */
    const assertPulls = async (...nodes: readonly string[]): Promise<void> => {
      for (const node of nodes) {
        const { pullWithPodman, copyWithSkopeo } = await onSystem(at(node));
        for (const image of images) {
          assert.equal((await pullWithPodman(image)).outcome, 'accepted', `${image} on ${node}`);
          const { outcome, stderr } = await copyWithSkopeo(image, '--all');
          assert.equal(outcome, 'accepted', `${image} on ${node}: ${stderr}`);
        }
      }
    };

    it('covers all images alone at first', async () => {
      const said = await step(`keys ${REPOSITORY} --config signatures/lookaside.yaml\n`);
      assert.match(said, /covers 4 images, 4 of them alone, by 4 signatures/);
      await assertPulls('nodes-old');
    }).timeout(LIMIT);

    it('has the new one beside it, in the store and on the nodes', async () => {
      await step('cp new.asc');
      await assertPulls('nodes-old', 'nodes-both');
    }).timeout(LIMIT);

    it('is needed for nothing once the work list is signed again', async () => {
      await step('--without old.asc --list > sign-again.txt');
      const list = await readFile(at('sign-again.txt'), 'utf8');
      assert.match(list, /^(?:127[.]0[.]0[.]1:\d+\/team\/\w+:1[.]0@sha256:[0-9a-f]{64}\n){4}$/);
      await step('lookaside sign --images sign-again.txt');
      await untilServed(8);
      await step('--without old.asc\n');
      await assertPulls('nodes-old', 'nodes-both');
    }).timeout(LIMIT);

    it('is taken out of the nodes', async () => {
      await step('--out nodes-new');
      await assertPulls('nodes-both', 'nodes-new');
    }).timeout(LIMIT);

    it('is taken out of the store', async () => {
      await step('rm --quiet keys/team/old.asc');
      await untilServed(4);
      await assertPulls('nodes-both', 'nodes-new');
      const { outcome } = await (await onSystem(at('nodes-old'))).copyWithSkopeo(images[0] ?? '');
      assert.equal(outcome, 'refused');
    }).timeout(LIMIT);
  },
);
