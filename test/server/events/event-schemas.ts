// Events against the published schema of CloudEvents, and against our own.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';

const CLOUD_EVENT = '../../fixtures/cloudevents/cloudevents.json';
const OURS = '../../../docs/events.schema.json';
/** CloudEvents 1.0, "Naming Conventions". */
const ATTRIBUTE = /^[a-z0-9]{1,20}$/;

const ajv = new Ajv({ allErrors: true, strict: false });
formats.default(ajv);
const validators = [CLOUD_EVENT, OURS].map((name) =>
  ajv.compile(JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'))),
);

/** Throws what is wrong with the text of an event. */
export function assertEvent(text: string): void {
  const event: unknown = JSON.parse(text);
  for (const validate of validators) {
    assert(validate(event), `${JSON.stringify(validate.errors)} in ${text}`);
  }
  assert(typeof event === 'object' && event !== null);
  const names = Object.keys(event).filter((name) => name !== 'data');
  assert.deepEqual(
    names.filter((name) => !ATTRIBUTE.test(name)),
    [],
  );
  assert(Buffer.byteLength(text) <= 64 * 1024);
}
