// The forms of sigstoreSigned: what newer clients refuse, and what skopeo 1.9 says of each.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PolicyFileError, parsePolicyFile } from '../../../generator/policy/policy-json.ts';
import { run } from '../../kit/process/run.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

const ONE = /^transports\.docker\.a\.example\.0: expected exactly one of keyPath, keyPaths, /;
const FOR_OLD = (member: string): RegExp =>
  new RegExp(`got an empty ${member}: skopeo 1\\.9 takes it, newer clients do not$`);
const BOTH = /: expected keyPath or keyData, got both: skopeo 1\.9 refuses that$/;
const DATA = 'YQ==';

interface Form {
  readonly fields: Readonly<Record<string, unknown>>;
  /** Whether skopeo 1.9.3 reads the policy, as was seen; it does not know members that came later. */
  readonly isForSkopeo: boolean;
  /** Why the gate refuses it; undefined if it takes it. */
  readonly fault?: RegExp;
}

const FORMS: readonly Form[] = [
  { fields: { keyPath: '/k' }, isForSkopeo: true },
  { fields: { keyPath: '' }, isForSkopeo: true, fault: FOR_OLD('keyPath') },
  { fields: { keyPath: null }, isForSkopeo: true, fault: FOR_OLD('keyPath') },
  { fields: { keyPath: 1 }, isForSkopeo: false, fault: /keyPath: .*expected string/ },
  { fields: { keyData: DATA }, isForSkopeo: true },
  { fields: { keyData: 'YQ\n==' }, isForSkopeo: true },
  { fields: { keyData: '' }, isForSkopeo: true },
  { fields: { keyData: null }, isForSkopeo: true, fault: FOR_OLD('keyData') },
  { fields: { keyData: 'YQ' }, isForSkopeo: false, fault: /keyData: expected padded base64/ },
  { fields: {}, isForSkopeo: false, fault: ONE },
  { fields: { keyPath: '/k', keyData: DATA }, isForSkopeo: false, fault: ONE },
  { fields: { keyPath: '/k', keyData: '' }, isForSkopeo: false, fault: ONE },
  { fields: { keyPath: '', keyData: DATA }, isForSkopeo: false, fault: BOTH },
  { fields: { keyPath: '', keyData: '' }, isForSkopeo: false, fault: BOTH },
  { fields: { keyPath: null, keyData: DATA }, isForSkopeo: false, fault: BOTH },
  { fields: { keyPath: '/k', keyData: null }, isForSkopeo: false, fault: BOTH },
  { fields: { keyPaths: ['/k'] }, isForSkopeo: false },
  { fields: { keyPaths: [''] }, isForSkopeo: false },
  { fields: { keyPaths: [] }, isForSkopeo: false, fault: /keyPaths: expected at least one path/ },
  { fields: { keyPath: '/k', keyPaths: ['/k'] }, isForSkopeo: false, fault: ONE },
  { fields: { keyDatas: [DATA] }, isForSkopeo: false },
  { fields: { keyDatas: [] }, isForSkopeo: false, fault: /keyDatas: expected at least one key/ },
  { fields: { keyPath: '/k', rekorPublicKeyPath: '/r' }, isForSkopeo: false },
];

describeWith(['skopeo'], 'a sigstoreSigned requirement, for the gate and for skopeo', () => {
  const directory = useTemporary('suite');

  for (const { fields, isForSkopeo, fault } of FORMS) {
    const words = fault ? 'refused' : 'taken';
    it(`with ${JSON.stringify(fields)} is ${words}`, async () => {
      const requirement = { type: 'sigstoreSigned', ...fields };
      const docker = { 'a.example': [requirement] };
      const policy = { default: [{ type: 'insecureAcceptAnything' }], transports: { docker } };
      const text = JSON.stringify(policy);
      const [file, empty] = ['policy.json', 'empty'].map((name) => join(directory(), name));
      assert(file !== undefined && empty !== undefined);
      await writeFile(file, text);
      await mkdir(empty, { recursive: true });
      const args = ['--policy', file, 'copy', `dir:${empty}`, `dir:${empty}/out`];
      const { stderr } = await run('skopeo', args);
      assert.equal(!stderr.includes('Error loading trust policy'), isForSkopeo, stderr);
      if (fault)
        assert.throws(
          () => parsePolicyFile(text),
          (error) => hasFault(error, fault),
        );
      else assert.equal(parsePolicyFile(text).get('a.example')?.[0]?.type, 'elsewhere');
    });
  }
});

function hasFault(error: unknown, fault: RegExp): boolean {
  assert(error instanceof PolicyFileError);
  assert.match(error.message, fault);
  return true;
}
