/** A vendor with a registry, a signature store and a key, and those who mirror its images. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { eventually } from '../eventually.ts';
import type { RunResult } from '../process/run.ts';
import { startLookasideHere } from '../program/lookaside-here.ts';
import { type Lookaside, runLookaside } from '../program/lookaside.ts';
import type { PushedImage } from '../registry/registry.ts';
import { formatLocation } from '../signer/signature-tree.ts';
import { makeTemporary, removeTemporary } from '../temporary.ts';
import { PUSHER } from './push-world.ts';
import { SignWorld } from './sign-world.ts';

export class VendorWorld {
  readonly vendor: SignWorld<'vendor' | 'stranger'>;
  readonly here: SignWorld<'mirror' | 'approver'>;
  /** The store of the vendor. */
  readonly store: Lookaside;
  /** The public key of the vendor. */
  readonly keyFile: string;
  readonly #state: string;

  private constructor(
    { vendor, here, store, keyFile }: Pick<VendorWorld, 'vendor' | 'here' | 'store' | 'keyFile'>,
    state: string,
  ) {
    this.vendor = vendor;
    this.here = here;
    this.store = store;
    this.keyFile = keyFile;
    this.#state = state;
  }

  /** The vendor's store has signatures by `vendor` and `stranger`; ours takes those by `mirror`. */
  static async make(): Promise<VendorWorld> {
    const [vendor, here] = await Promise.all([
      SignWorld.make({ vendor: { name: 'Vendor' }, stranger: { name: 'Stranger' } }),
      SignWorld.make({ mirror: { name: 'Mirror' }, approver: { name: 'Approver' } }),
    ]);
    await vendor.accept(['vendor', 'stranger']);
    await here.accept(['mirror']);
    const state = await makeTemporary();
    const keys = [await vendor.keyFile('vendor'), await vendor.keyFile('stranger')];
    const flags = keys.flatMap((file) => ['--keys', file]);
    const store = await startLookasideHere(vendor.remote.path, [
      ...flags,
      '--poll',
      '100ms',
      '--state-dir',
      join(state, 'store'),
    ]);
    return new VendorWorld({ vendor, here, store, keyFile: keys[0] ?? '' }, state);
  }

  /** Pushes a list to the registry of the vendor, and signs it with its platforms. */
  async publish(
    repository: string,
    tag: string,
    {
      by = 'vendor',
      isAttested = false,
    }: { by?: 'vendor' | 'stranger'; isAttested?: boolean } = {},
  ): Promise<PushedImage> {
    const architectures = ['amd64', 's390x'];
    const image = await this.vendor.registry.pushImage({
      repository,
      tag,
      architectures,
      isAttested,
    });
    const { code, stderr } = await this.vendor.sign(by, [image.reference]);
    assert.equal(code, 0, stderr);
    await this.untilServed([image]);
    return image;
  }

  /** Waits until the vendor's store serves the signatures of images, of their lists and all platforms. */
  async untilServed(images: readonly PushedImage[]): Promise<void> {
    const wanted = images.flatMap(({ name: image, digest, instances }) => {
      const repository = image.replace(/^[^/]*\//, '');
      const platforms = [...instances].filter(([name]) => name !== 'unknown');
      const digests = [digest, ...platforms.map(([, one]) => one)];
      return digests.map((one) => formatLocation(repository, one, 1));
    });
    await eventually(async () => {
      for (const location of wanted) {
        const { status } = await fetch(`${this.store.baseUrl}/${location}`);
        assert.equal(status, 200, location);
      }
    });
  }

  /** Which repository is mirrored, and who must have signed it. */
  from(
    repository: string,
    to = `${this.here.registry.host}/mirror/${repository}`,
  ): readonly string[] {
    const { vendor } = this;
    const places = ['--images-from', `${vendor.registry.host}/${repository}`];
    const target = ['--images-to', to];
    return [...places, ...target, '--keys', this.keyFile, '--server', this.store.baseUrl];
  }

  /** The environment of whoever mirrors. */
  get env(): Readonly<Record<string, string>> {
    return { ...PUSHER, GNUPGHOME: this.here.signer.home };
  }

  /** `mirror-images …` with a key and a repository. */
  argsOf(args: readonly string[]): readonly string[] {
    const { keys, remote } = this.here;
    const to = ['--sign-by', keys.mirror.fingerprint, '--to', remote.path];
    return ['mirror-images', ...to, ...args];
  }

  /** Runs `lookaside mirror-images …`. */
  async mirror(args: readonly string[]): Promise<RunResult> {
    return runLookaside(this.argsOf(args), { env: this.env });
  }

  async stop(): Promise<void> {
    await this.store.stop();
    await Promise.all([this.vendor.stop(), this.here.stop()]);
    await removeTemporary(this.#state);
  }
}
