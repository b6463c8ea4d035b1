// Who follows docs/stages.md takes an image through three stages, each with a registry, a store and keys of
// its own, and nodes accept it exactly where all that it needs is merged.
import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Block, paste, readBlocks } from '../docs/pasted-blocks.ts';
import { eventually } from '../kit/eventually.ts';
import { type Node, makeNode } from '../kit/node/node.ts';
import { runOrThrow } from '../kit/process/run.ts';
import { startLookasideHere } from '../kit/program/lookaside-here.ts';
import { putLookasideInPath } from '../kit/program/lookaside-in-path.ts';
import type { Lookaside } from '../kit/program/lookaside.ts';
import { readStatus } from '../kit/program/read-status.ts';
import { PUSHER } from '../kit/push/push-world.ts';
import { type PushedImage, type Registry, startRegistry } from '../kit/registry/registry.ts';
import { architecture } from '../kit/registry/scratch-image.ts';
import { formatLocation } from '../kit/signer/signature-tree.ts';
import { type Signer, makeSigner } from '../kit/signer/signer.ts';
import { makeTemporary, removeTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

/** The stages of the page, by the registries that it names. */
const STAGES = { dev: 'dev', qa: 'qa', production: 'prod' } as const;
type StageName = keyof typeof STAGES;
const NAMES = ['dev', 'qa', 'production'] as const satisfies readonly StageName[];
const PEOPLE = ['build', 'tester', 'release'] as const;
const SIGNERS = { dev: ['build'], qa: ['tester'], production: ['tester', 'release'] } as const;

describeWith(
  ['skopeo', 'podman', 'docker-registry', 'gpg', 'gpgv', 'git', 'bash'],
  'three stages',
  () => {
    let directory: string;
    let signer: Signer;
    let registries: Readonly<Record<StageName, Registry>>;
    let blocks: readonly Block[];
    let env: Readonly<Record<string, string>>;
    let image: PushedImage;
    const nodes = new Map<StageName, Node>();
    const stores = new Map<StageName, Lookaside>();
    const at = (...path: readonly string[]): string => join(directory, ...path);

    before(async () => {
      directory = await makeTemporary();
      const [dev, qa, production] = await Promise.all(NAMES.map(async () => startRegistry()));
      assert.ok(dev && qa && production);
      registries = { dev, qa, production };
      signer = await makeSigner();
      for (const name of PEOPLE) {
        const userId = `${name} <${name}@example.com>`;
        await signer.exportKeys(
          at(`${name}.asc`),
          await signer.makeKey({ algorithm: 'ed25519', userId }),
        );
      }
      for (const name of NAMES) {
        const repository = at('remotes', name, 'signatures.git');
        await mkdir(repository, { recursive: true });
        await runOrThrow('git', ['init', '--quiet', '--bare', '-b', 'main', repository]);
      }
      blocks = readBlocks(replaceAddresses(await readFile('docs/stages.md', 'utf8')));
      env = { ...PUSHER, GNUPGHOME: signer.home, PATH: await putLookasideInPath(directory) };
      const architectures = [architecture, 's390x'];
      image = await dev.pushImage({ repository: 'team/app', tag: '1.0', architectures });
    });

    after(async () => {
      await Promise.all([...stores.values()].map((store) => store.stop()));
      await Promise.all([...nodes.values()].map((node) => node.remove()));
      await Promise.all(Object.values(registries).map((registry) => registry.stop()));
      await signer.stop();
      await removeTemporary(directory);
    });

    function replaceAddresses(page: string): string {
      return NAMES.reduce(
        (text, name) => text.replaceAll(`${STAGES[name]}.example.com`, registries[name].host),
        page.replaceAll('git@git.example.com:', `${at('remotes')}/`),
      );
    }

    /** Pastes the one block that some words are in, and sees that it prints what the page shows. */
    async function follow(...words: readonly string[]): Promise<string> {
      const all = words.map(replaceAddresses);
      const found = blocks.filter(({ commands }) => all.every((one) => commands.includes(one)));
      assert.equal(found.length, 1, words.join(' and '));
      const [pasted] = await paste(found, { cwd: directory, env });
      assert.ok(pasted);
      assert.equal(pasted.failed, false, pasted.output);
      for (const line of pasted.shown) {
        assert.ok(pasted.output.includes(line), `no ${line} in\n${pasted.output}`);
      }
      return pasted.output;
    }

    /** A store and a node for a stage, as its lookaside.yaml has it. */
    async function open(name: StageName): Promise<void> {
      const config = ['--config', at(name, 'lookaside.yaml'), '--state-dir', at('state', name)];
      const store = await startLookasideHere(at('remotes', name, 'signatures.git'), [
        ...config,
        '--poll',
        '200ms',
      ]);
      stores.set(name, store);
      const requirements = SIGNERS[name].map((person) => ({
        type: 'signedBy',
        keyType: 'GPGKeys',
        keyPath: at(`${person}.asc`),
      }));
      const scope = registries[name].host;
      nodes.set(name, await makeNode({ scope, lookaside: store.baseUrl, keys: [], requirements }));
    }

    /** What the node of a stage says of the image there. */
    async function pull(name: StageName, how: 'podman' | 'skopeo' = 'podman'): Promise<string> {
      const reference = `${registries[name].host}/team/app:1.0`;
      const node = nodes.get(name);
      assert.ok(node);
      const { outcome } = await (how === 'podman'
        ? node.pullWithPodman(reference)
        : node.copyWithSkopeo(reference, '--all'));
      return outcome;
    }

    async function untilServed(name: StageName, number: number): Promise<void> {
      const path = formatLocation('team/app', image.instances.get(architecture) ?? '', number);
      await eventually(async () => {
        const { status } = await fetch(`${stores.get(name)?.baseUrl}/${path}`);
        assert.equal(status, 200, path);
      });
    }

    it('are set up, and development signs', async () => {
      await follow('lookaside init production');
      await follow('for stage in dev qa production');
      await Promise.all(NAMES.map(open));
      assert.equal(await pull('dev'), 'refused');
      await follow('lookaside sign ');
      await untilServed('dev', 1);
      assert.equal(await pull('dev'), 'accepted');
    });

    it('take it to QA, where its nodes accept it', async () => {
      await follow('--map dev.example.com=qa.example.com');
      await untilServed('qa', 1);
      assert.equal(await pull('qa'), 'accepted');
    });

    it('accept nothing in production that only others have signed', async () => {
      const listed = await follow('lookaside promote --list');
      assert.match(listed, new RegExp(`^ready .*${image.digest}.*signed by tester`, 'm'));
      await follow('--copy --pull-request');
      assert.equal(await pull('production'), 'refused');
      // Whatever development signs, and whoever brings it there.
      const forged = ['lookaside sign', `${registries.production.host}/team/app:1.0`];
      const to = [
        '--sign-by build@example.com --to',
        at('remotes', 'production', 'signatures.git'),
      ];
      const commands = `${[...forged, ...to].join(' ')}\n`;
      const [refused] = await paste([{ commands, shown: [], mustFail: true }], {
        cwd: directory,
        env,
      });
      assert.match(refused?.output ?? '', /unknown-signer|signer-not-accepted/);
      assert.equal(refused?.failed, true);
    });

    it('wait for the merge, and for everybody who has to sign', async () => {
      const checked = await follow('lookaside check production');
      const release = await runOrThrow('gpg', ['--show-keys', '--with-colons', at('release.asc')]);
      const [, fingerprint = 'none'] = /^fpr:+([0-9A-F]+):/m.exec(release.stdout) ?? [];
      assert.ok(checked.includes(`until it is signed by ${fingerprint} (release `), checked);
      await follow('git -C production merge');
      await untilServed('production', 1);
      assert.equal(await pull('production'), 'refused');
      await follow('team/app:1.0', '--sign-by release@example.com');
      await untilServed('production', 2);
      assert.equal(await pull('production'), 'accepted');
      assert.equal(await pull('production', 'skopeo'), 'accepted');
    });

    it('never accept what development alone has signed, whoever brings it there', async () => {
      const { dev, production } = registries;
      const repository = 'team/other';
      const architectures = [architecture, 's390x'];
      const other = await dev.pushImage({ repository, tag: '1.0', architectures });
      const reference = `${production.host}/${repository}:1.0`;
      await dev.copy(other.reference, reference);
      const forge = [
        `lookaside sign ${reference} --sign-by build@example.com --out forged`,
        'git -C production pull --quiet --ff-only',
        'cp -r forged/. production',
        'git -C production add --all',
        "git -C production commit --quiet -m 'Past all checks'",
        'git -C production push --quiet',
      ];
      const commands = forge.map((line) => `${line}\n`).join('');
      const [forged] = await paste([{ commands, shown: [], mustFail: false }], {
        cwd: directory,
        env,
      });
      assert.equal(forged?.failed, false, forged?.output);
      const repositoryPath = at('remotes', 'production', 'signatures.git');
      const tip = await runOrThrow('git', ['-C', repositoryPath, 'rev-parse', 'main']);
      const store = stores.get('production');
      assert.ok(store);
      await eventually(async () => {
        const { generation } = await readStatus(store);
        assert.equal(generation?.commit, tip.stdout.trim());
      });
      const node = nodes.get('production');
      assert.equal((await node?.pullWithPodman(reference))?.outcome, 'refused');
      for (const digest of [other.digest, ...other.instances.values()]) {
        const place = formatLocation(repository, digest, 1);
        assert.equal((await fetch(`${store.baseUrl}/${place}`)).status, 404, place);
      }
      // Nothing was lost by it.
      assert.equal(await pull('production'), 'accepted');
    });

    it('have nothing left to do then', async () => {
      await follow(':1.*');
    });
  },
);
