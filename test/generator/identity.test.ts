import assert from 'node:assert/strict';
import { checkIdentity } from '../../generator/identity.ts';
import type { RejectionCode } from '../../generator/rejection.ts';
import { HEX, locationOf, rejectionOf } from './samples.ts';

function check(reference: string, repository: string) {
  return checkIdentity(reference, locationOf(`${repository}@sha256=${HEX}/signature-1`));
}

describe('generator: identity', () => {
  for (const [reference, repository] of [
    ['quay.io/team/app:v1', 'team/app'],
    [`quay.io/team/app@sha256:${HEX}`, 'team/app'],
    [`quay.io/team/app:v1@sha256:${HEX}`, 'team/app'],
    ['quay.io/team/app:v1', 'quay.io/team/app'],
    ['quay.io/team/app:v1', 'mirror/team/app'],
    ['quay.io/team/app:v1', 'stores/quay.io/team/app'],
    ['host:5000/app:v1', 'host:5000/app'],
    ['host:5000/app:v1', 'app'],
    ['localhost/app:v1', 'localhost/app'],
    ['busybox:1', 'library/busybox'],
    ['busybox:1', 'docker.io/library/busybox'],
    ['busybox:1', 'index.docker.io/library/busybox'],
    ['index.docker.io/busybox:1', 'docker.io/library/busybox'],
    ['quay.io/team/app:v1', 'quay.io/mirror/team/app'],
  ] as const) {
    it(`takes ${reference} in ${repository}`, () => {
      assert.equal(check(reference, repository), undefined);
    });
  }

  const faults: readonly [RejectionCode, string, string, RegExp][] = [
    ['invalid-identity', '', 'team/app', /^expected an image name, got ""$/],
    ['invalid-identity', 'quay.io/Team/app:v1', 'team/app', /got "quay.io\/Team\/app:v1"/],
    ['invalid-identity', 'https://quay.io/team/app:v1', 'team/app', /expected an image name/],
    ['invalid-identity', HEX, 'team/app', /expected an image name/],
    [
      'identity-without-tag',
      'quay.io/team/app',
      'team/app',
      /tag or digest in "quay.io\/team\/app"/,
    ],
    ['identity-without-tag', 'quay.io/team/other', 'team/app', /expected a tag or digest/],
    ['repository-mismatch', 'quay.io/team/other:v1', 'team/app', /"team\/app", got one for "quay/],
    ['repository-mismatch', 'quay.io/team/app:v1', 'app', /expected a signature for "app"/],
    ['repository-mismatch', 'quay.io/app:v1', 'team/xapp', /expected a signature for "team\/xapp"/],
    ['repository-mismatch', 'quay.io/team/app:v1', 'xteam/app', /for "xteam\/app"/],
    ['repository-mismatch', 'quay.io/team/app:v1', 'team/app/app', /for "team\/app\/app"/],
    ['repository-mismatch', 'quay.io/team/app:v1', 'Team/app', /for "Team\/app"/],
    ['repository-mismatch', 'busybox:1', 'busybox', /expected a signature for "busybox"/],
    [
      'host-mismatch',
      'quay.io/team/app:v1',
      'ghcr.io/team/app',
      /expected the host "ghcr.io", got "q/,
    ],
    ['host-mismatch', 'busybox:1', 'quay.io/library/busybox', /expected the host "quay.io"/],
    ['host-mismatch', 'host:5000/app:v1', 'host:5001/app', /expected the host "host:5001"/],
    ['host-mismatch', 'host:5000/app:v1', 'localhost/app', /expected the host "localhost"/],
    [
      'host-mismatch',
      'evil.quay.io/team/app:v1',
      'quay.io/team/app',
      /expected the host "quay.io"/,
    ],
  ];
  for (const [code, reference, repository, message] of faults) {
    it(`rejects ${JSON.stringify(reference)} in ${repository}: ${code}`, () => {
      const rejection = rejectionOf(check(reference, repository));
      assert.equal(rejection.code, code);
      assert.match(rejection.message, message);
      assert.notEqual(rejection.hint, '');
      assert.equal(rejection.breaksPulls, false);
    });
  }

  it('says where a signature of another repository belongs', () => {
    const { hint } = rejectionOf(check('quay.io/team/other:v1', 'team/app'));
    assert(hint.includes(`"team/other@sha256=${HEX}/"`), hint);
  });

  it('stays one short line for a name of megabytes', () => {
    const { message } = rejectionOf(check(`quay.io/${'a/\u009b'.repeat(1_000_000)}`, 'team/app'));
    assert(message.length < 10_000);
    assert.doesNotMatch(message, /\p{Cc}/u);
  });
});
