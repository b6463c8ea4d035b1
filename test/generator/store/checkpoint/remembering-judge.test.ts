import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Judge, Signature } from '../../../../generator/gate/judge.ts';
import { type Keyring, readKeyring } from '../../../../generator/openpgp/openpgp-js.ts';
import {
  type Policy,
  createPolicy,
  createScope,
  createSimplePolicy,
} from '../../../../generator/policy/policy.ts';
import { DEFAULT_IDENTITY } from '../../../../generator/policy/signed-identity.ts';
import {
  type Memory,
  createRememberingJudge,
} from '../../../../generator/store/checkpoint/remembering-judge.ts';
import { createVerdictTerms } from '../../../../generator/store/checkpoint/shared-verdict.ts';
import { openVerdictFile } from '../../../../generator/store/checkpoint/verdict-file.ts';
import { createVerdictIds } from '../../../../generator/store/checkpoint/verdict-ids.ts';
import { createVerdictLines } from '../../../../generator/store/checkpoint/verdict-line.ts';
import { loadStore } from '../../../../generator/store/load-store.ts';
import { type Rejection, isRejection } from '../../../../generator/terms/rejection.ts';
import { formatClaims } from '../../../e2e/claims.ts';
import { useTemporary } from '../../../e2e/temporary.ts';
import type { ForgedKey } from '../../../fuzz/forged-key.ts';
import { formatSeconds } from '../../../fuzz/subpacket.ts';
import { EXPIRES, forgeMessage, forgeSigner } from '../../openpgp/forged.ts';
import {
  DIRECTORY,
  HEX,
  judgeOf,
  keyringOf,
  locationOf,
  readVector,
  snapshotOf,
} from '../../samples.ts';

type Files = Readonly<Record<string, Uint8Array>>;
type Verdict = Signature | Rejection;

const NOW = new Date('2026-01-01T00:00:00Z');
const DAY = 86_400;
const VECTORS = new URL('../../../fixtures/vectors/', import.meta.url);
const KEYS = ['lab', 'with-subkey', 'ed25519', 'ecdsa-p256', 'dsa2048', 'rsa1024'];

const keyOfDay = (day: number, expires?: number) => {
  const created = Date.UTC(2023, 0, day) / 1000;
  return forgeSigner({ created, ...(expires !== undefined && { expires }) });
};

const keysOf = async (...keys: readonly ForgedKey[]): Promise<Keyring> =>
  readKeyring(keys.map(({ publicKey }, at) => ({ path: `${at}.gpg`, bytes: publicKey })));
const policyOf = async (...keys: readonly ForgedKey[]): Promise<Policy> =>
  createSimplePolicy(await keysOf(...keys));

/** A signature of the lab image by a key, other bytes for every tag. */
function sign(key: ForgedKey, tag: string, lifetime?: number): Buffer {
  const claims = { dockerReference: `r.example/ns/repo:${tag}`, manifestDigest: `sha256:${HEX}` };
  const payload = Buffer.from(formatClaims({ ...claims, timestamp: 1_700_000_000 }));
  const data = formatSeconds(lifetime ?? 0);
  return forgeMessage(key, {
    payload,
    hashed: lifetime === undefined ? [] : [{ type: EXPIRES, data }],
    change: (packets) =>
      packets.map((packet) =>
        packet.framing === 'new-1' ? { ...packet, framing: 'new-5' } : packet,
      ),
  });
}

const at = (number: number, directory = DIRECTORY) => `${directory}/signature-${number}`;
const signedBy = (key: ForgedKey, count: number, first = 1): Files =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [
      at(first + index),
      sign(key, `v${first + index}`),
    ]),
  );

/** A judge that notes what it is asked. */
async function noting(policy: Policy, asked: string[], suggested: string[]): Promise<Judge> {
  const judge = await judgeOf(policy);
  return {
    judge: async (location, bytes, now) => {
      asked.push(at(location.number, location.directory));
      return judge.judge(location, bytes, now);
    },
    suggest: async (parents, ...rest) => {
      suggested.push(parents);
      return judge.suggest(parents, ...rest);
    },
  };
}

const codeOf = (verdict: Verdict | undefined) =>
  verdict && (isRejection(verdict) ? verdict.code : verdict.status);

/** All the vectors that lie where the lab image is. */
async function readLab(): Promise<Files> {
  const files: Record<string, Uint8Array> = {};
  for (const part of ['blob', 'openpgp', 'payload']) {
    for (const name of await readdir(new URL(`lab/${part}/`, VECTORS))) {
      const number = Object.keys(files).length + 1;
      files[at(number)] = await readVector(`lab/${part}/${name}`);
    }
  }
  return files;
}

/** Minus zero, which nobody can tell from zero in any output. */
const withoutMinusZero = (verdict: Verdict | undefined): Verdict | undefined => {
  if (!verdict || isRejection(verdict) || verdict.claims.timestamp !== 0) return verdict;
  return { ...verdict, claims: { ...verdict.claims, timestamp: 0 } };
};

const statuses = (verdicts: Readonly<Record<string, Verdict>>, names: readonly string[]) => [
  ...new Set(names.map((name) => codeOf(verdicts[name]))),
];

describe('generator: judge with a memory', () => {
  const directory = useTemporary();
  const path = () => join(directory(), 'x.verdicts');
  const fill = async (count: number) => {
    const file = await openVerdictFile(path(), (error) => assert.fail(String(error)));
    for (let line = 0; line < count; line++) file.add(`of-no-use-${line}\tx`);
    await file.close();
  };
  const countLines = async () =>
    (await readFile(path(), 'latin1')).split('\n').filter((line) => line !== '').length;
  const [ours, theirs] = [keyOfDay(1), keyOfDay(2)];

  async function withJudge<Result>(
    policy: Policy,
    engines: string,
    action: (judge: Judge & Memory, asked: string[], suggested: string[]) => Promise<Result>,
  ): Promise<Result> {
    const file = await openVerdictFile(path(), (error) => assert.fail(String(error)));
    const [asked, suggested]: [string[], string[]] = [[], []];
    const lines = createVerdictLines(
      createVerdictTerms(policy, createVerdictIds(policy, engines), () => undefined),
    );
    const judge = createRememberingJudge(
      await noting(policy, asked, suggested),
      policy,
      lines,
      file,
    );
    const result = await action(judge, asked, suggested);
    await file.close();
    return result;
  }

  /** One run of a server, as far as it judges: what it was told, and what was really judged. */
  async function load(policy: Policy, files: Files, now = NOW, engines = 'engines 1') {
    return withJudge(policy, engines, async (judge, asked) => {
      await judge.recall();
      const all = Object.entries(files).map(async ([name, bytes]) => {
        const verdict: Verdict = await judge.judge(locationOf(name), bytes, now);
        return [name, verdict] as const;
      });
      const verdicts = Object.fromEntries(await Promise.all(all));
      await judge.release('all');
      return { verdicts, asked: asked.toSorted() };
    });
  }

  it('says of every vector the second time what it said the first, and asks for the bad only', async () => {
    const keyring = await keyringOf(...KEYS.map((name) => `lab/keys/${name}.gpg`));
    const requirement = { type: 'signedBy', keyring, signedIdentity: DEFAULT_IDENTITY } as const;
    const policy = await createPolicy([
      createScope('127.0.0.1:5555', undefined, [requirement]),
      createScope('', undefined, [requirement]),
    ]);
    const files = await readLab();
    const first = await load(policy, files);
    const second = await load(policy, files);
    const good = Object.keys(files).filter((name) => codeOf(first.verdicts[name]) === 'accepted');
    assert(good.length > 20);
    assert.deepEqual(first.asked, Object.keys(files).toSorted());
    assert.deepEqual(
      second.asked,
      first.asked.filter((name) => !good.includes(name)),
    );
    for (const [name, verdict] of Object.entries(second.verdicts)) {
      assert.deepEqual(withoutMinusZero(verdict), withoutMinusZero(first.verdicts[name]), name);
      if (isRejection(verdict)) continue;
      assert.equal(verdict.scope, policy.scopes.get(verdict.scope.name));
      assert.equal(verdict.bytes, files[name]);
      for (const met of verdict.meets) assert(verdict.scope.signedBy.includes(met));
    }
  });

  it('remembers under an equal policy that was read anew', async () => {
    const files = signedBy(ours, 5);
    const first = await load(await policyOf(ours), files);
    const policy = await policyOf(ours);
    const second = await load(policy, files);
    assert.deepEqual(second.asked, []);
    const scope = policy.scopes.get('') ?? assert.fail();
    for (const [name, verdict] of Object.entries(second.verdicts)) {
      const { [name]: before } = first.verdicts;
      assert.deepEqual(verdict, { ...before, scope, meets: scope.signedBy });
    }
  });

  it('remembers what is unverified, until there are keys', async () => {
    const files = { [at(1)]: sign(ours, 'v1'), [at(2)]: sign(theirs, 'v2') };
    const open = await createSimplePolicy(undefined);
    const first = await load(open, files);
    const second = await load(open, files);
    assert.deepEqual(second, { ...first, asked: [] });
    const { verdicts, asked } = await load(await policyOf(ours), files);
    assert.equal(asked.length, 2);
    assert.deepEqual(Object.values(verdicts).map(codeOf), ['accepted', 'unknown-signer']);
    assert.deepEqual((await load(open, files)).verdicts, first.verdicts);
  });

  it('asks about other bytes at the same place', async () => {
    const policy = await policyOf(ours);
    await load(policy, { [at(1)]: sign(ours, 'v1') });
    const bytes = sign(ours, 'v2');
    for (const other of [bytes, bytes.subarray(0, -1), Buffer.concat([bytes, bytes])]) {
      assert.deepEqual((await load(policy, { [at(1)]: other })).asked, [at(1)]);
    }
  });

  it('asks about the same bytes at another place', async () => {
    const policy = await policyOf(ours);
    const bytes = sign(ours, 'v1');
    await load(policy, { [at(1)]: bytes });
    const places: Files = {
      [at(1, `mirror/${DIRECTORY}`)]: bytes,
      [at(1, `ns/other@sha256=${HEX}`)]: bytes,
      [at(1, DIRECTORY.replace('0', '1'))]: bytes,
    };
    const { asked, verdicts } = await load(policy, { ...places, [at(2)]: bytes });
    assert.deepEqual(asked, Object.keys(places).toSorted());
    const codes = [...Object.keys(places), at(2)].map((name) => codeOf(verdicts[name]));
    assert.deepEqual(codes, ['accepted', 'repository-mismatch', 'digest-mismatch', 'accepted']);
    const again = await load(policy, { ...places, [at(1)]: bytes });
    assert.equal(again.asked.length, 2, 'both places are remembered');
  });

  it('asks again from the moment when the signature expires', async () => {
    const policy = await policyOf(ours);
    const files = { [at(1)]: sign(ours, 'v1', 1000 * DAY), [at(2)]: sign(ours, 'v2') };
    const { verdicts } = await load(policy, files);
    const first = verdicts[at(1)];
    assert(first && !isRejection(first) && first.validUntil < Infinity);
    const before = await load(policy, files, new Date(first.validUntil - 1));
    assert.deepEqual(before.asked, []);
    const after = await load(policy, files, new Date(first.validUntil));
    assert.deepEqual(after.asked, [at(1)]);
    assert.equal(codeOf(after.verdicts[at(1)]), 'signature-expired');
  });

  it('asks again when the key has expired, and when it is renewed', async () => {
    const [limited, renewed] = [keyOfDay(3, 1500 * DAY), keyOfDay(3, 3000 * DAY)];
    const files = { [at(1)]: sign(limited, 'v1') };
    const later = new Date('2028-01-01T00:00:00Z');
    const policy = await policyOf(limited);
    await load(policy, files);
    assert.deepEqual((await load(policy, files)).asked, []);
    const expired = await load(policy, files, later);
    assert.deepEqual(expired.asked, [at(1)]);
    assert.equal(codeOf(expired.verdicts[at(1)]), 'key-expired');
    const again = await load(await policyOf(renewed), files, later);
    assert.deepEqual([again.asked, codeOf(again.verdicts[at(1)])], [[at(1)], 'accepted']);
    assert.deepEqual((await load(await policyOf(renewed), files, later)).asked, []);
  });

  it('asks about what was rejected every time', async () => {
    const policy = await policyOf(ours);
    const files = { [at(1)]: sign(theirs, 'v1'), [at(2)]: Buffer.from('<html>') };
    for (let run = 0; run < 3; run++) {
      const { asked, verdicts } = await load(policy, files);
      assert.deepEqual(asked, [at(1), at(2)]);
      assert.deepEqual(Object.values(verdicts).map(codeOf), ['unknown-signer', 'html']);
    }
    assert.equal((await readFile(path(), 'utf8')).trim(), '');
  });

  describe('of two signers', () => {
    const all = { ...signedBy(ours, 4), ...signedBy(theirs, 3, 5) };
    const [mine, others] = [Object.keys(signedBy(ours, 4)), Object.keys(signedBy(theirs, 3, 5))];
    beforeEach(async () => {
      await load(await policyOf(ours, theirs), all);
    });

    it('asks about those alone whose key is replaced', async () => {
      const renewed = keyOfDay(2, 3000 * DAY);
      const { asked, verdicts } = await load(await policyOf(ours, renewed), all);
      assert.deepEqual(asked, others);
      assert.deepEqual(statuses(verdicts, [...mine, ...others]), ['accepted']);
      assert.deepEqual((await load(await policyOf(ours, renewed), all)).asked, []);
    });

    it('asks about those alone whose key is taken away', async () => {
      const { asked, verdicts } = await load(await policyOf(ours), all);
      assert.deepEqual(asked, others);
      assert.deepEqual(statuses(verdicts, mine), ['accepted']);
      assert.deepEqual(statuses(verdicts, others), ['unknown-signer']);
      const back = await load(await policyOf(theirs, ours), all);
      assert.deepEqual(back.asked, [], 'what was said before holds again');
    });

    it('asks about none when a key is added', async () => {
      assert.deepEqual((await load(await policyOf(keyOfDay(4), ours, theirs), all)).asked, []);
    });

    it('asks about all with another engine', async () => {
      const { asked } = await load(await policyOf(ours, theirs), all, NOW, 'engines 2');
      assert.equal(asked.length, 7);
    });

    it('asks about those alone whose lines are damaged', async () => {
      const policy = await policyOf(ours, theirs);
      const lines = (await readFile(path(), 'utf8')).split('\n').filter((line) => line !== '');
      assert.equal(lines.length, 7);
      for (let damaged = 0; damaged < lines.length; damaged++) {
        const line = Buffer.from(lines[damaged] ?? '');
        const place = Math.floor(Math.random() * line.length);
        // The separator behind the checksum says nothing.
        const found = place === 8 ? 9 : place;
        line[found] = (line[found] ?? 0) ^ 1;
        const text = lines.with(damaged, line.toString('latin1')).join('\n');
        await writeFile(path(), `${text}\n`, 'latin1');
        const { asked, verdicts } = await load(policy, all);
        assert.equal(asked.length, 1, `a flip at ${found} of line ${damaged}`);
        assert.deepEqual(statuses(verdicts, [...mine, ...others]), ['accepted']);
        assert.deepEqual((await load(policy, all)).asked, []);
      }
    });

    it('asks about all when the file is gone', async () => {
      await rm(path());
      const policy = await policyOf(ours, theirs);
      assert.equal((await load(policy, all)).asked.length, 7);
      assert.deepEqual((await load(policy, all)).asked, []);
    });
  });

  describe('with a file of many lines', () => {
    const files = signedBy(ours, 20);
    it('leaves out those of no use, and loses nothing that is good', async () => {
      const policy = await policyOf(ours);
      await load(policy, files);
      await fill(1100);
      const { size } = await stat(path());
      assert.deepEqual((await load(policy, files)).asked, []);
      assert.equal(await countLines(), 20);
      assert((await stat(path())).size < size);
      assert.deepEqual((await load(policy, files)).asked, []);
    });

    it('keeps what is judged while it is shortened', async () => {
      const policy = await policyOf(ours);
      await fill(1100);
      await load(policy, signedBy(ours, 5));
      assert.equal(await countLines(), 5);
      await fill(1100);
      assert.deepEqual((await load(policy, files)).asked.length, 15);
      assert.equal(await countLines(), 20);
      assert.deepEqual((await load(policy, files)).asked, []);
    });

    it('leaves it alone after a load of a part', async () => {
      const policy = await policyOf(ours);
      await fill(1100);
      await load(policy, files);
      await fill(1100);
      await withJudge(policy, 'engines 1', async (judge, asked) => {
        await judge.recall();
        await judge.judge(locationOf(at(1)), files[at(1)] ?? assert.fail(), NOW);
        await judge.release('some');
        assert.deepEqual(asked, []);
      });
      assert.equal(await countLines(), 20 + 1100);
    });

    it('leaves it alone while few are of no use', async () => {
      const policy = await policyOf(ours);
      await load(policy, files);
      await fill(1000);
      await load(policy, files);
      assert.equal(await countLines(), 1020);
    });
  });

  describe('with a store that was not loaded', () => {
    const files = signedBy(ours, 20);
    const storeOf = async (policy: Policy) =>
      loadStore(snapshotOf(files), await judgeOf(policy), NOW);
    const condense = async (policy: Policy) =>
      withJudge(policy, 'engines 1', async (judge) => judge.condense(await storeOf(policy)));

    it('writes a file anew that has become too long', async () => {
      const policy = await policyOf(ours);
      await fill(60_000);
      await condense(policy);
      assert.equal(await countLines(), 20);
      assert.deepEqual((await load(policy, files)).asked, []);
    });

    it('leaves one alone that is not much too long', async () => {
      const policy = await policyOf(ours);
      await fill(30_000);
      await condense(policy);
      assert.equal(await countLines(), 30_000);
    });

    it('writes nothing of what no key has signed where there are keys', async () => {
      const open = await createSimplePolicy(undefined);
      const unverified = await storeOf(open);
      await fill(60_000);
      const policy = await policyOf(theirs);
      await withJudge(policy, 'engines 1', async (judge) => judge.condense(unverified));
      assert.equal(await countLines(), 0);
    });
  });

  it('looks nothing up before it is told to recall, and after it may forget', async () => {
    const policy = await policyOf(ours);
    const bytes = sign(ours, 'v1');
    await load(policy, { [at(1)]: bytes });
    await withJudge(policy, 'engines 1', async (judge, asked) => {
      const ask = async () => judge.judge(locationOf(at(1)), bytes, NOW);
      const first = await ask();
      assert.equal(asked.length, 1);
      await judge.recall();
      assert.deepEqual(await ask(), first);
      assert.equal(asked.length, 1);
      await judge.release('all');
      await judge.release('all');
      await ask();
      assert.equal(asked.length, 2);
    });
    assert.deepEqual((await load(policy, { [at(1)]: bytes })).asked, []);
  });

  it('passes on what is asked about places', async () => {
    await withJudge(await policyOf(ours), 'engines 1', async (judge, asked, suggested) => {
      const hint = await judge.suggest('ns/repo', 1, sign(ours, 'v1'), NOW);
      assert.match(hint ?? '', /ns\/repo@sha256=/);
      assert.deepEqual([asked, suggested], [[], ['ns/repo']]);
    });
  });

  it('goes on without what it cannot read', async () => {
    const policy = await policyOf(ours);
    await withJudge(policy, 'engines 1', async (judge, asked) => {
      await rm(path());
      await mkdir(path());
      await assert.rejects(judge.recall(), { code: 'EISDIR' });
      const verdict = await judge.judge(locationOf(at(1)), sign(ours, 'v1'), NOW);
      assert.equal(codeOf(verdict), 'accepted');
      assert.equal(asked.length, 1);
      await judge.release('all');
    });
  });
});
