/** Values as people give them: each must render to what a cluster takes. */
import { LEAST, OPENSHIFT, type Rendering } from '../kit/kubernetes/render.ts';

const PUBLIC_KEY = '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----\n';

const everything = {
  source: 'https://git.example.com:8443/team/signatures.git',
  image: { repository: 'quay.io/team/lookaside', digest: `sha256:${'0'.repeat(64)}` },
  imagePullSecrets: [{ name: 'quay' }],
  replicas: 6,
  signatures: 1_000_000,
  keys: {
    configMaps: ['keys-one', 'keys-two'],
    secrets: ['keys-three'],
    inline: { 'a.asc': PUBLIC_KEY },
  },
  config: {
    keys: 'keys/a.asc',
    scopes: { 'registry.example.com/team': { keys: ['keys/team.asc'], require: 'all' } },
    'trusted-proxies': ['10.128.0.0/14', 'loopback'],
    poll: '5m',
    'cache-missing': '5s',
    'audit-log': '-',
    'access-log': 'json',
    'webhook-forges': ['gitlab', 'generic'],
  },
  git: { token: { secret: 'git', key: 'password' }, ca: { configMap: 'authority' } },
  webhook: {
    secret: 'hook',
    host: 'hooks.example.com',
    className: 'public',
    tlsSecret: 'hooks-tls',
    annotations: { 'cert-manager.io/cluster-issuer': 'public' },
  },
  notify: { url: { secret: 'receivers', key: 'urls' }, signing: { secret: 'events' } },
  service: { type: 'NodePort', nodePort: 30080, externalTrafficPolicy: 'Local', port: 8080 },
  expose: {
    kind: 'Ingress',
    host: 'lookaside.example.com',
    className: 'nginx',
    tlsSecret: 'lookaside-tls',
    annotations: { 'cert-manager.io/cluster-issuer': 'ca' },
  },
  peers: true,
  stateGiB: 20,
  networkPolicy: {
    from: [{ ipBlock: { cidr: '10.0.0.0/8' } }],
    statusFrom: [{ namespaceSelector: { matchLabels: { team: 'operators' } } }],
    extraEgress: [{ ports: [{ port: 3128 }], to: [{ ipBlock: { cidr: '192.0.2.1/32' } }] }],
  },
  monitoring: { renderMode: 'alwaysRender', labels: { release: 'prometheus' } },
  serviceAccount: { annotations: { a: 'b' } },
  podAnnotations: { c: 'd' },
  priorityClassName: 'system-cluster-critical',
  nodeSelector: { 'node-role.kubernetes.io/infra': '' },
  tolerations: [{ key: 'node-role.kubernetes.io/infra', operator: 'Exists' }],
  extraEnv: [{ name: 'https_proxy', value: 'http://192.0.2.1:3128' }],
  extraVolumes: [{ name: 'policy', configMap: { name: 'policy' } }],
  extraVolumeMounts: [{ name: 'policy', mountPath: '/etc/lookaside/policy', readOnly: true }],
} as const;

/** By what they are for. */
export const VALUE_SETS: Readonly<Record<string, Rendering>> = {
  'the least': {},
  'another release, one replica, nothing around it': {
    release: 'store',
    values: {
      ...LEAST,
      replicas: 1,
      networkPolicy: { enabled: false },
      config: { policy: 'policy/policy.json' },
      keys: {},
    },
  },
  'everything on': { values: everything },
  'TLS and an ssh key': {
    values: {
      source: 'git@git.example.com:team/signatures.git',
      keys: { secrets: ['keys'] },
      git: { ssh: { secret: 'git' } },
      webhook: { secret: 'hook' },
      tls: { secret: 'lookaside-tls' },
      notify: { signing: { secret: 'events' } },
      config: { 'notify-url': ['https://events.example.com:8443/lookaside'] },
      service: { type: 'LoadBalancer' },
    },
  },
  'names that YAML reads as something else': {
    release: '12',
    values: {
      ...LEAST,
      fullnameOverride: 'on',
      keys: { configMaps: ['1'], secrets: ['true'] },
      webhook: { secret: '0x1f', key: '1', host: '1.2' },
      git: { token: { secret: 'null', key: '1e3' }, ca: { configMap: 'yes', key: '0' } },
      notify: { url: { secret: '0', key: '0' }, signing: { secret: '1e3', key: 'off' } },
      expose: { kind: 'Ingress', host: '1', className: '1', tlsSecret: '0' },
      tls: { secret: '1.5' },
      priorityClassName: '1',
    },
  },
  'a Gateway': {
    values: {
      ...LEAST,
      webhook: { secret: 'hook', host: 'hooks.example.com' },
      expose: {
        kind: 'HTTPRoute',
        host: 'lookaside.example.com',
        parentRefs: [{ name: 'gateway', namespace: 'infra' }],
      },
    },
    apis: ['gateway.networking.k8s.io/v1', 'monitoring.coreos.com/v1'],
  },
  'OpenShift with a Route': {
    values: { ...LEAST, expose: { kind: 'Route' } },
    apis: OPENSHIFT,
  },
  'OpenShift with its own certificate': {
    values: {
      source: 'ssh://git@git.example.com:2222/team/signatures.git',
      keys: { configMaps: ['keys'] },
      git: { ssh: { secret: 'git' } },
      webhook: { secret: 'hook', host: 'hooks.example.com' },
      tls: { servingCertificate: true },
      expose: { kind: 'Route', host: 'lookaside.apps.example.com' },
      peers: true,
    },
    apis: OPENSHIFT,
  },
};
