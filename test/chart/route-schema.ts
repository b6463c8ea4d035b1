/**
 * A Route of OpenShift, with no member that it does not know. Written after the facts of
 * github.com/openshift/api, route/v1/zz_generated.crd-manifests/routes-Default.crd.yaml at commit
 * 2d8af88c3d2cc3bf98be5689ad06ec9f958a2591 (Apache-2.0), for which npm has no types.
 */
import { Ajv } from 'ajv';

const NAME = '^([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]{0,61}[a-zA-Z0-9])';
const host = { type: 'string', maxLength: 253, pattern: `${NAME}(\\.${NAME.slice(1)})*$` };
const text = { type: 'string' };
const target = {
  type: 'object',
  additionalProperties: false,
  required: ['kind', 'name'],
  properties: {
    kind: { enum: ['Service', ''] },
    name: { type: 'string', minLength: 1 },
    weight: { type: 'integer', minimum: 0, maximum: 256 },
  },
};
const isOf = (termination: string) => ({
  properties: { termination: { const: termination } },
  required: ['termination'],
});

const tls = {
  type: 'object',
  additionalProperties: false,
  required: ['termination'],
  properties: {
    termination: { enum: ['edge', 'reencrypt', 'passthrough'] },
    insecureEdgeTerminationPolicy: { enum: ['Allow', 'None', 'Redirect', ''] },
    certificate: text,
    key: text,
    caCertificate: text,
    destinationCACertificate: text,
  },
  allOf: [
    {
      anyOf: [
        { not: isOf('passthrough') },
        {
          properties: {
            insecureEdgeTerminationPolicy: { not: { const: 'Allow' } },
            certificate: { maxLength: 0 },
            key: { maxLength: 0 },
            caCertificate: { maxLength: 0 },
            destinationCACertificate: { maxLength: 0 },
          },
        },
      ],
    },
    {
      anyOf: [
        { not: isOf('edge') },
        { properties: { destinationCACertificate: { maxLength: 0 } } },
      ],
    },
  ],
};

const route = {
  type: 'object',
  additionalProperties: false,
  required: ['apiVersion', 'kind', 'metadata', 'spec'],
  properties: {
    apiVersion: { const: 'route.openshift.io/v1' },
    kind: { const: 'Route' },
    metadata: { type: 'object' },
    spec: {
      type: 'object',
      additionalProperties: false,
      required: ['to'],
      properties: {
        host,
        subdomain: host,
        path: { type: 'string', pattern: '^/' },
        to: target,
        alternateBackends: { type: 'array', maxItems: 3, items: target },
        port: {
          type: 'object',
          additionalProperties: false,
          required: ['targetPort'],
          properties: { targetPort: { type: ['string', 'integer'], not: { enum: [0, ''] } } },
        },
        tls,
        wildcardPolicy: { enum: ['None', 'Subdomain', ''] },
      },
      anyOf: [
        { not: { properties: { tls: isOf('passthrough') }, required: ['tls'] } },
        { properties: { path: { maxLength: 0 } } },
      ],
    },
  },
};

/** Whether an object is a Route; its `errors` say why not. */
export const isRoute = new Ajv({ allErrors: true, strict: false }).compile(route);
