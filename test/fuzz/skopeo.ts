// The judge to compare with: skopeo pulls the image with the file as its one signature.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { formatLocation } from '../../generator/terms/location.ts';
import { startRegistry } from '../kit/registry/registry.ts';
import { run } from '../kit/process/run.ts';
import { makeTemporary, removeTemporary } from '../kit/temporary.ts';
import { pushImage } from './push-image.ts';
import { HEX, PLACES, type Place } from './place.ts';
import type { Verdict } from './verdict.ts';

/** The repository of the registry that all places stand for. */
const REPOSITORY = 'ns/repo';
/** `skopeo` fails a pull so, whatever the policy, for a file that it cannot read. */
const PARSING = /^(?:Source image rejected|reading signatures): parsing signature /;
const REFUSED = /^Source image rejected: /;

export interface Skopeo {
  /** Pulls by digest, so that a signature for any tag counts. Never more at once than `slots`. */
  readonly judge: (place: Place, bytes: Buffer) => Promise<Verdict>;
  /** The same where the policy is `insecureAcceptAnything`: whether the pull fails. */
  readonly breaksPulls: (place: Place, bytes: Buffer) => Promise<boolean>;
  readonly stop: () => Promise<void>;
}

/** Starts a registry with the image. `keyring` is binary; `slots` pulls may run at once. */
export async function startSkopeo(keyring: Buffer, slots: number): Promise<Skopeo> {
  const registry = await startRegistry();
  const root = await makeTemporary();
  const at = (name: string) => join(root, name);
  await pushImage(registry.host, REPOSITORY);
  await writeFile(at('known.gpg'), keyring);
  const signedBy = { type: 'signedBy', keyType: 'GPGKeys', keyPath: at('known.gpg') };
  await writeFile(at('signed.json'), JSON.stringify({ default: [signedBy] }));
  const anything = { type: 'insecureAcceptAnything' };
  await writeFile(at('anything.json'), JSON.stringify({ default: [anything] }));
  const mirrors = PLACES.map((prefix) =>
    [
      '[[registry]]',
      `prefix = "${prefix}"`,
      `location = "${registry.host}/${REPOSITORY}"`,
      'insecure = true',
    ].join('\n'),
  );
  await writeFile(at('registries.conf'), mirrors.join('\n'));
  const free = await Promise.all(
    Array.from({ length: slots }, (_, index) => makeSlot(at(`slot-${index}`), registry.host)),
  );

  async function pull(policy: string, place: Place, bytes: Buffer): Promise<string> {
    const slot = free.pop();
    if (slot === undefined) throw new Error(`more than ${slots} pulls at once`);
    try {
      await writeFile(slot.signatureFile, bytes);
      const global = [
        '--registries-conf',
        at('registries.conf'),
        '--registries.d',
        slot.registriesD,
      ];
      const copy = ['copy', '--quiet', `docker://${place}@sha256:${HEX}`, `dir:${slot.target}`];
      // Nothing may leave this machine: loopback needs no proxy, and there is none.
      const proxy = 'http://127.0.0.1:9';
      const env = { HOME: root, HTTPS_PROXY: proxy, HTTP_PROXY: proxy, TMPDIR: root };
      const args = [...global, '--policy', at(policy), ...copy];
      const { code, stderr } = await run('skopeo', args, { env });
      return code === 0 ? '' : messageOf(stderr).replaceAll(slot.signatureFile, 'FILE');
    } finally {
      await rm(slot.target, { recursive: true, force: true });
      free.push(slot);
    }
  }

  return {
    async judge(place, bytes) {
      const message = await pull('signed.json', place, bytes);
      if (message === '') return { outcome: 'accepted', breaksPulls: false, why: '' };
      if (!REFUSED.test(message)) throw new Error(`the pull failed: ${message}`);
      return { outcome: 'refused', breaksPulls: PARSING.test(message), why: message };
    },
    async breaksPulls(place, bytes) {
      const message = await pull('anything.json', place, bytes);
      if (message !== '' && !PARSING.test(message)) throw new Error(`the pull failed: ${message}`);
      return message !== '';
    },
    async stop() {
      await registry.stop();
      await removeTemporary(root);
    },
  };
}

interface Slot {
  readonly registriesD: string;
  readonly signatureFile: string;
  readonly target: string;
}

async function makeSlot(directory: string, host: string): Promise<Slot> {
  const registriesD = join(directory, 'registries.d');
  const store = join(directory, 'store');
  const signatureFile = join(store, formatLocation(`${REPOSITORY}@sha256=${HEX}`, 1));
  await mkdir(registriesD, { recursive: true });
  await mkdir(dirname(signatureFile), { recursive: true });
  const lookaside = { docker: { [host]: { lookaside: `file://${store}` } } };
  await writeFile(join(registriesD, 'store.yaml'), JSON.stringify(lookaside));
  return { registriesD, signatureFile, target: join(directory, 'image') };
}

/** What is in the fatal line of the log, without its escapes. */
function messageOf(stderr: string): string {
  const quoted = /level=fatal msg=("(?:[^"\\]|\\.)*")/.exec(stderr)?.[1];
  const text = quoted ?? JSON.stringify(stderr);
  return text.slice(1, -1).replaceAll(/\\(["\\])/g, '$1');
}
