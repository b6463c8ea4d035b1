// Keys that gpg makes and changes by its own commands, as people do over the years.
import { join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { runOrThrow } from '../../kit/process/run.ts';
import { makeTemporary, removeTemporary } from '../../kit/temporary.ts';
import type { Random } from '../random.ts';

const DAY = 86_400;

/** The public keys in one file, binary, and what was done to them. */
export async function makeGpgKeys(random: Random, count: number, now: number): Promise<Buffer> {
  const home = await makeTemporary(0o700);
  const gpg = async (at: number, ...args: readonly string[]): Promise<string> => {
    const clock = ['--faked-system-time', formatClock(at)];
    const quiet = ['--batch', '--quiet', '--no-auto-check-trustdb', '--homedir', home];
    const pinentry = ['--pinentry-mode', 'loopback', '--passphrase', ''];
    return (await runOrThrow('gpg', [...quiet, ...pinentry, ...clock, ...args])).stdout;
  };
  const exported = join(home, 'all.gpg');
  try {
    const born = now - 400 * DAY;
    const plans = Array.from({ length: count }, (_, index) => makePlan(random, index));
    const parameters = join(home, 'parameters');
    await runOrThrow('sh', ['-c', `cat > ${parameters}`], {
      input: plans.map(toParameters).join(''),
    });
    await gpg(born, '--full-generate-key', parameters);
    const fingerprints = readFingerprints(await gpg(now, '--with-colons', '--list-keys'));
    // One by one: a keybox is written whole, and not by two.
    for (const [index, { changes }] of plans.entries()) {
      const fingerprint = fingerprints[index] ?? '';
      for (const [days, command] of changes) {
        await gpg(born + days * DAY, ...command.map((word) => word.replace('KEY', fingerprint)));
      }
    }
    await gpg(now, '--output', exported, '--export');
    return await readFile(exported);
  } finally {
    await runOrThrow('gpgconf', ['--homedir', home, '--kill', 'all']);
    await removeTemporary(home);
  }
}

interface Plan {
  readonly name: string;
  readonly expires: string;
  readonly hasSubkey: boolean;
  /** Days after it was made, and what is then done. */
  readonly changes: readonly (readonly [days: number, command: readonly string[]])[];
}

function makePlan(random: Random, index: number): Plan {
  const name = `K${index}`;
  const commands = (): readonly string[] =>
    random.pick([
      ['--quick-add-uid', 'KEY', `${name} again`],
      ['--quick-revoke-uid', 'KEY', name],
      ['--quick-set-expire', 'KEY', random.pick(['30d', '500d', 'never'])],
      ['--quick-set-expire', 'KEY', random.pick(['20d', '700d']), '*'],
      ['--quick-add-key', 'KEY', 'ed25519', 'sign', random.pick(['never', '50d'])],
      ['--quick-add-key', 'KEY', 'cv25519', 'encr', 'never'],
      ['--quick-set-primary-uid', 'KEY', name],
    ]);
  const names = new Set<string>();
  const changes: [number, readonly string[]][] = [];
  for (const days of [1, 5, 10].slice(0, random.pick([0, 1, 1, 2, 3]))) {
    const command = commands();
    const [what = ''] = command;
    // gpg refuses a name twice, and what it does to the only one that is left.
    const needsOther = what === '--quick-revoke-uid' && !names.has('--quick-add-uid');
    if (names.has(what) || needsOther || (names.has('--quick-revoke-uid') && what.endsWith('uid')))
      continue;
    names.add(what);
    changes.push([days, command]);
  }
  return {
    name,
    expires: random.pick(['0', '0', '60d', '600d']),
    hasSubkey: random.chance(0.3),
    changes,
  };
}

function toParameters({ name, expires, hasSubkey }: Plan): string {
  const key = `Key-Type: EDDSA\nKey-Curve: ed25519\nKey-Usage: sign\nName-Real: ${name}\n`;
  const subkey = 'Subkey-Type: EDDSA\nSubkey-Curve: ed25519\nSubkey-Usage: sign\n';
  return `%no-protection\n${key}${hasSubkey ? subkey : ''}Expire-Date: ${expires}\n%commit\n`;
}

function readFingerprints(listing: string): readonly string[] {
  const lines = listing.split('\n');
  return lines.flatMap((line, at) =>
    line.startsWith('pub:') ? [lines[at + 1]?.split(':')[9] ?? ''] : [],
  );
}

function formatClock(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replaceAll(/[-:]|\.\d+Z/g, '');
}
