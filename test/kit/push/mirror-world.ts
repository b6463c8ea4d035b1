/** An upstream store that answers as a test wants, and a signature repository that mirrors it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunResult } from '../process/run.ts';
import { runLookaside } from '../program/lookaside.ts';
import { type GitRemote, makeGitRemote } from '../remote/git-remote.ts';
import { RELEASE } from '../release/release-world.ts';
import { formatLocation } from '../signer/signature-tree.ts';
import { type Signer, type SigningKey, makeSigner } from '../signer/signer.ts';
import { type Plant, type PlantedStore, startPlantedStore } from '../web/planted-store.ts';
import { PUSHER, blobOf } from './push-world.ts';

/** The names of images upstream and here. */
export const UPSTREAM = 'quay.example/vendor';
export const LOCAL = 'mirror.example/copies';

/** Takes the upstream's signatures for pulls by its name, and by the name here. */
export const MIRROR_CONFIG = `scopes:
  ${UPSTREAM}:
    keys: keys/vendor.asc
  ${LOCAL}:
    keys: keys/vendor.asc
    signedIdentity:
      type: remapIdentity
      prefix: ${LOCAL}
      signedPrefix: ${UPSTREAM}
`;

/** Takes signatures of releases by the vendor's key. */
export const RELEASE_CONFIG = `releases:
  - from: releases
    keys: keys/vendor.asc
`;

export class MirrorWorld {
  readonly signer: Signer;
  readonly vendor: SigningKey;
  readonly stranger: SigningKey;
  readonly remote: GitRemote;
  /** What the upstream has, by location. */
  readonly files = new Map<string, Uint8Array>();
  /** Answers in place of the upstream; undefined for nothing. */
  plant: Plant | undefined;
  /** The locations that were asked for, in their order. */
  readonly asked: string[] = [];
  #store: PlantedStore | undefined;

  private constructor(signer: Signer, keys: readonly [SigningKey, SigningKey], remote: GitRemote) {
    this.signer = signer;
    [this.vendor, this.stranger] = keys;
    this.remote = remote;
  }

  /** Clusters read no keys of the algorithm that is usual here. */
  static async make(
    config = MIRROR_CONFIG,
    algorithm: 'ed25519' | 'rsa2048' = 'ed25519',
  ): Promise<MirrorWorld> {
    const signer = await makeSigner();
    const vendor = await signer.makeKey({ algorithm, name: 'Vendor' });
    const stranger = await signer.makeKey({ algorithm, name: 'Stranger' });
    const remote = await makeGitRemote();
    const world = new MirrorWorld(signer, [vendor, stranger], remote);
    await remote.gitBare('config', 'uploadpack.allowFilter', 'true');
    await remote.publish({
      'lookaside.yaml': config,
      'keys/vendor.asc': await readFile(await world.keyFile()),
    });
    world.#store = await startPlantedStore({
      files: world.files,
      plant: (request, response, right) => {
        world.asked.push((request.url ?? '').slice(1));
        if (world.plant) world.plant(request, response, right);
        else right();
      },
    });
    return world;
  }

  get url(): string {
    return this.#store?.baseUrl ?? '';
  }

  async keyFile(): Promise<string> {
    return this.signer.exportKeys(join(this.signer.home, 'vendor.asc'), this.vendor);
  }

  /** Puts a signature of an image of the upstream below a number; gives its bytes. */
  async plantSignature(
    repository: string,
    digest: string,
    number: number,
    { identity = `quay.example/${repository}:1.${number}`, key = this.vendor } = {},
  ): Promise<Buffer> {
    const bytes = await this.signer.sign(key, {
      dockerReference: identity,
      manifestDigest: digest,
    });
    this.files.set(formatLocation(repository, digest, number), bytes);
    return bytes;
  }

  /** Puts a signature of a release below a number; gives its bytes. */
  async plantRelease(
    digest: string,
    number: number,
    { identity = RELEASE, key = this.vendor } = {},
  ): Promise<Buffer> {
    const bytes = await this.signer.sign(key, {
      dockerReference: identity,
      manifestDigest: digest,
    });
    this.files.set(`${digest.replace(':', '=')}/signature-${number}`, bytes);
    return bytes;
  }

  /** Runs `lookaside mirror --release …` with a list as its standard input. */
  async mirrorReleases(
    list: string,
    { state, args = [] }: { readonly state: string; readonly args?: readonly string[] },
  ): Promise<RunResult> {
    const fixed = ['--from', this.url, '--to', this.remote.path, '--state-dir', state];
    return runLookaside(['mirror', '--release', ...fixed, '--digests', '-', ...args], {
      env: PUSHER,
      input: list,
    });
  }

  /** Runs `lookaside mirror …` with a list of digests as its standard input. */
  async mirror(
    digests: readonly string[],
    { state, args = [] }: { readonly state: string; readonly args?: readonly string[] },
  ): Promise<RunResult> {
    const fixed = ['--from', this.url, '--keys', await this.keyFile(), '--to', this.remote.path];
    const map = ['--map', `${UPSTREAM}=${LOCAL}`, '--state-dir', state];
    return runLookaside(['mirror', ...fixed, ...map, '--digests', '-', ...args], {
      env: PUSHER,
      input: digests.map((one) => `${one}\n`).join(''),
    });
  }

  /** The blobs of signatures on the branch, by directory, sorted. */
  async mirrored(): Promise<ReadonlyMap<string, readonly string[]>> {
    const listed = await this.remote.gitBare('ls-tree', '-r', 'main');
    const found = new Map<string, string[]>();
    for (const line of listed.split('\n')) {
      const [, id = '', path = ''] = /^\d+ blob (\S+)\t(.+)$/.exec(line) ?? [];
      const [, directory] = /^((?:.*[@/])?sha256=[0-9a-f]{64})\/[^/]+$/.exec(path) ?? [];
      if (directory === undefined) continue;
      found.set(directory, [...(found.get(directory) ?? []), id].toSorted());
    }
    return found;
  }

  async stop(): Promise<void> {
    await this.#store?.stop();
    await this.signer.stop();
    await this.remote.remove();
  }
}

/** As git names signatures, sorted. */
export function blobsOf(...signatures: readonly Uint8Array[]): readonly string[] {
  return signatures.map(blobOf).toSorted();
}
