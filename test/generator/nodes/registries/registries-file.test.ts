import assert from 'node:assert/strict';
import type { YamlReader } from '../../../../generator/nodes/registries/go-values.ts';
import {
  RegistriesFileError,
  parseRegistriesFile,
  readRegistriesFile,
} from '../../../../generator/nodes/registries/registries-file.ts';
import type { Clients } from '../../../../generator/nodes/registries-d.ts';
import { YAML_FORMS } from './yaml-forms.ts';
import { measureProcessor } from '../../../kit/process/processor-time.ts';

const isRead = (read: () => unknown): boolean => {
  try {
    read();
    return true;
  } catch (error) {
    assert(error instanceof RegistriesFileError, String(error));
    return false;
  }
};

const messageFor = (text: string, clients: Clients): string => {
  try {
    parseRegistriesFile(Buffer.from(text), clients);
    return '';
  } catch (error) {
    assert(error instanceof RegistriesFileError);
    return error.message;
  }
};

describe('generator: a file of registries.d', () => {
  for (const [title, { text, old, new: isNew }] of Object.entries(YAML_FORMS)) {
    const by = [old ? 'old' : '', isNew ? 'new' : ''].filter(Boolean).join(' and ') || 'no';
    it(`with ${title} is read by ${by} clients`, () => {
      const bytes = Buffer.from(text);
      const readBy = (reader: YamlReader) => isRead(() => readRegistriesFile(bytes, reader));
      assert.deepEqual({ old: readBy('yaml.v2'), new: readBy('yaml.v3') }, { old, new: isNew });
      assert.equal(
        isRead(() => parseRegistriesFile(bytes, 'any')),
        old && isNew,
      );
      assert.equal(
        isRead(() => parseRegistriesFile(bytes, '5.40+')),
        isNew,
      );
    });
  }

  it('has the store of a merged section, which old clients put above its own', () => {
    const text = 'x: &a {lookaside: file:///m}\ndocker: {q.io: {lookaside: file:///own, <<: *a}}\n';
    const storeFor = (reader: YamlReader) =>
      readRegistriesFile(Buffer.from(text), reader).docker.get('q.io')?.get('lookaside');
    assert.equal(storeFor('yaml.v2'), 'file:///m');
    assert.equal(storeFor('yaml.v3'), 'file:///own');
  });

  it('has members in capitals for old clients only', () => {
    const text = 'Docker: {q.io: {LookAside: file:///x}}\n';
    assert.deepEqual(
      [...(readRegistriesFile(Buffer.from(text), 'yaml.v2').docker.get('q.io') ?? [])],
      [['lookaside', 'file:///x']],
    );
    const { docker, unknown } = readRegistriesFile(Buffer.from(text), 'yaml.v3');
    assert.equal(docker.size, 0);
    assert.deepEqual(
      unknown.map(({ name }) => name),
      ['Docker'],
    );
  });

  it('says which clients refuse it, where others do not', () => {
    const twice = 'docker: {a.b: {}, a.b: {}}\n';
    const message = 'expected each key once, got "a.b" twice';
    assert.equal(messageFor(twice, 'any'), `${message} (clients from containers/image 5.25 on)`);
    assert.equal(messageFor(twice, '5.40+'), message);
    const quoted = 'docker: {a.b: {use-sigstore-attachments: "on"}}\n';
    const switched = 'docker: a.b: use-sigstore-attachments: expected true or false';
    assert.equal(messageFor(quoted, '5.22+'), `${switched} (clients before containers/image 5.25)`);
    assert.equal(messageFor(quoted, '5.40+'), '');
    assert.equal(
      messageFor('a: 1\n# \u001B\n', 'any'),
      'expected YAML: no control characters, got U+001B in line 2',
    );
  });

  it('is refused in no time where aliases multiply', async () => {
    const lines = ['a0: &a0 {x: x}'];
    for (let n = 1; n < 12; n++) {
      const eight = Array.from({ length: 8 }, (_, index) => `k${index}: *a${n - 1}`).join(', ');
      lines.push(`a${n}: &a${n} {${eight}}`);
    }
    const took = await measureProcessor(() =>
      assert.match(messageFor(lines.join('\n'), 'any'), /^expected fewer aliases/),
    );
    assert.ok(took < 2000, `${took} ms`);
  });

  it('is read where it is one long line', () => {
    const scopes = Array.from({ length: 1000 }, (_, index) => `"${index}.io": {}`);
    const bytes = Buffer.from(`{"docker": {${scopes.join(', ')}}}`);
    assert.equal(parseRegistriesFile(bytes, 'any').docker.size, 1000);
  });

  for (const nested of ['[', '- ', '{a: ', '? ', '- &a ', '": "']) {
    it(`is refused where ${JSON.stringify(nested)} comes 50,000 times`, async () => {
      const took = await measureProcessor(() =>
        assert.match(messageFor(`x: 1\n${nested.repeat(50_000)}`, 'any'), /^expected YAML: /),
      );
      assert.ok(took < 5000, `${took} ms`);
    });
  }
});
