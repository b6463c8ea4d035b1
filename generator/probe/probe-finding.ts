// What a store can do that fails pulls, or that may do so one day. The set of codes is closed: monitoring
// and other people's checks rely on it. What a node does is said by the client's source
// (containers/image docker/docker_image_src.go, getOneSignature and appendSignaturesFromLookaside).
import { toLine } from '../terms/text.ts';

/** `fails`: pulls fail, or an image counts as unsigned. `risk`: they may. `note`: worth knowing, no more. */
export type ProbeSeverity = 'fails' | 'risk' | 'note';

interface ProbeCode {
  readonly severity: ProbeSeverity;
  readonly cause: string;
  /** What a node does then. */
  readonly node: string;
  readonly cure: string;
}

const FATAL = 'Nodes go on after 200 and 404 only: any other answer fails the pull.';

/** Every code with its cause, what nodes do, and its cure, as docs/probe.md lists them. */
export const PROBE_FINDINGS = {
  'no-address': {
    severity: 'fails',
    cause: 'The name of the store has no address.',
    node: 'Nodes fail every pull, whatever their policy accepts.',
    cure: 'Correct the name or DNS. Nodes resolve as their host does: names such as `store.namespace.svc` work inside a cluster only.',
  },
  unreachable: {
    severity: 'fails',
    cause: 'An address takes no connections.',
    node: 'Nodes try the next address of the name, IPv6 first, with up to 30 s for all of them; without one, every pull fails.',
    cure: 'Open the port, or remove the address from DNS until it answers.',
  },
  'tls-handshake': {
    severity: 'fails',
    cause: 'No TLS connection comes about with the versions and ciphers that nodes offer.',
    node: "Go's client takes TLS 1.2 and 1.3 with ECDHE, and nothing older.",
    cure: 'nginx: `ssl_protocols TLSv1.2 TLSv1.3;`. httpd: `SSLProtocol -all +TLSv1.2 +TLSv1.3`. See that the port speaks TLS at all.',
  },
  'tls-untrusted': {
    severity: 'fails',
    cause:
      'The certificate is not signed by an authority that this machine trusts, or the server does not send the certificates in between.',
    node: 'Nodes trust the authorities of their system. `certs.d/STORE` is not read: for the store, that of the registry counts.',
    cure: 'Send the whole chain: in nginx `ssl_certificate`, in httpd `SSLCertificateFile`, with the certificates in between behind that of the server. Add a private authority to the system trust of each node.',
  },
  'tls-name': {
    severity: 'fails',
    cause: 'The certificate is for other names.',
    node: 'Nodes want the name or address of the URL among the subjectAltNames; the common name does not count.',
    cure: 'Issue the certificate with this name as subjectAltName.',
  },
  'tls-expired': {
    severity: 'fails',
    cause: 'The certificate, or one in its chain, is not valid today.',
    node: 'Nodes fail every pull.',
    cure: 'Renew the certificate, and let the server read it.',
  },
  'tls-expires-soon': {
    severity: 'risk',
    cause: 'The certificate expires within `--expiry-warning`.',
    node: 'Once it has expired, nodes fail every pull.',
    cure: 'Renew the certificate, and let the server read it.',
  },
  'no-answer': {
    severity: 'fails',
    cause: 'The server takes the connection and gives no answer, or does not end it.',
    node: 'Nodes wait for an answer without a limit of time: the pull hangs. A closed connection fails it.',
    cure: 'See what the server or the proxy waits for.',
  },
  slow: {
    severity: 'risk',
    cause: 'An answer takes more than two seconds.',
    node: 'Each pull waits for two answers or more, one after the other.',
    cure: 'See what the server or the proxy waits for.',
  },
  'not-http': {
    severity: 'fails',
    cause: 'The answer is not HTTP/1.1.',
    node: 'Nodes fail the pull.',
    cure: 'See what listens on the port; `https://` may be missing, or wrong.',
  },
  'http2-only': {
    severity: 'fails',
    cause: 'The server speaks HTTP/2 only.',
    node: 'Nodes speak HTTP/1.1 with the store, over TLS too.',
    cure: 'Let the server or proxy speak HTTP/1.1 as well; Envoy: `codec_type: AUTO`.',
  },
  'agent-refused': {
    severity: 'fails',
    cause: 'The server refuses `User-Agent: Go-http-client/1.1`, and answers other programs.',
    node: `Nodes send this name and no other. ${FATAL}`,
    cure: 'Exempt the store from bot rules: AWS WAF and CloudFront, Cloudflare and ModSecurity have rules against names of HTTP libraries.',
  },
  'at-sign-refused': {
    severity: 'fails',
    cause: 'The server refuses paths that have `@` or `=` in them.',
    node: 'Nodes ask for `REPOSITORY@sha256=HEX/signature-N`, with both characters as they are.',
    cure: 'Allow both in paths; WAFs and ingress controllers have rules against them.',
  },
  'missing-forbidden': {
    severity: 'fails',
    cause: 'The answer for a signature that is not there is 403.',
    node: `Every pull ends with such a question. ${FATAL}`,
    cure: 'S3 and Ceph: give everybody `s3:ListBucket` beside `s3:GetObject`. CloudFront: give it to the origin access control, or map 403 to 404 as a custom error response. nginx, httpd: let the server enter all directories, and look for a `deny` or `Require`.',
  },
  'missing-needs-login': {
    severity: 'fails',
    cause: 'The answer for a signature that is not there asks for a login.',
    node: `Nodes have no login but one that is in the URL. ${FATAL}`,
    cure: 'Serve the store without a login; signatures are no secret. A git host: make the repository public, or put a server in front that has the token.',
  },
  'missing-gone': {
    severity: 'fails',
    cause: 'The answer for a signature that is not there is 410.',
    node: FATAL,
    cure: 'Answer 404 in its place.',
  },
  'missing-is-page': {
    severity: 'fails',
    cause:
      'The answer for a signature that is not there is 200, with a page or with anything else.',
    node: 'Nodes take it for a signature, and fail the pull when it is none.',
    cure: 'Answer 404. nginx: no `/index.html` at the end of `try_files`, but `=404`; httpd: no `FallbackResource`, no `ErrorDocument` with a full URL; CloudFront: no custom error response with 200.',
  },
  'server-error': {
    severity: 'fails',
    cause: 'The server answers with an error of its own (5xx).',
    node: `${FATAL} Podman tries again after 502, 503 and 504, since version 5.5.`,
    cure: "Look into the server's log. A Lookaside without a state answers 503 until it has fetched one.",
  },
  'rate-limited': {
    severity: 'fails',
    cause: 'The server limits how many requests it answers.',
    node: 'Nodes do not wait and ask again: 429 fails the pull, and so does 503.',
    cure: 'Exempt the store: no `limit_req` in nginx, no `mod_ratelimit` or `mod_evasive` in httpd, no rate rule of a WAF. Many nodes come from one address.',
  },
  'unexpected-status': {
    severity: 'fails',
    cause: 'The answer has a status that nodes do not know.',
    node: FATAL,
    cure: 'Answer 200 with the signature, or 404.',
  },
  'redirect-to-page': {
    severity: 'fails',
    cause: 'A redirect ends at a page, as that of a login.',
    node: 'Nodes follow up to ten redirects, and take what they get in the end for a signature.',
    cure: 'Keep the store out of single sign-on, and redirect to the same path if at all.',
  },
  'redirect-loop': {
    severity: 'fails',
    cause: 'Redirects do not end, or lead nowhere.',
    node: 'Nodes follow ten redirects, then they fail the pull.',
    cure: 'Give the address where the store is.',
  },
  'redirect-to-http': {
    severity: 'risk',
    cause: 'A redirect leads from https to http.',
    node: 'Nodes follow it: anyone on the network path can withhold signatures.',
    cure: 'Redirect to https; a server behind a proxy must know by which scheme it is reached.',
  },
  redirect: {
    severity: 'note',
    cause: 'The store answers with a redirect.',
    node: 'Nodes follow it, which costs each question another one.',
    cure: 'Write the address to which it leads into `registries.d`.',
  },
  'missing-kept': {
    severity: 'risk',
    cause: 'A cache keeps a 404 for more than a minute, or for a time that nobody says.',
    node: 'An image that was asked for before it was signed stays refused for that time.',
    cure: 'Keep a 404 for 5 s at most. Varnish: `set beresp.ttl = 5s;` for 404. nginx: `proxy_cache_valid 404 5s;`. CloudFront: error caching minimum TTL of 404. Google Cloud CDN: negative caching policy.',
  },
  'missing-has-body': {
    severity: 'note',
    cause: 'The 404 has a body.',
    node: 'Nodes do not read it, and close the connection: the next question needs a new one, and another TLS handshake.',
    cure: 'Send none, and `Content-Length: 0`. nginx: `error_page 404 /missing;`, httpd: `ErrorDocument 404 /missing`, with an empty file of that name.',
  },
  'no-keep-alive': {
    severity: 'note',
    cause: 'The server closes the connection after an answer.',
    node: 'Each question needs a new connection, and another TLS handshake.',
    cure: 'nginx: `keepalive_timeout 65;`. httpd: `KeepAlive On`.',
  },
  'keep-alive-broken': {
    severity: 'risk',
    cause: 'The server offers to keep the connection, and then closes it without answering.',
    node: 'Nodes ask once more over a new connection, unless part of an answer has come.',
    cure: 'Send `Connection: close`, or keep the connection.',
  },
  'double-slash': {
    severity: 'note',
    cause: 'The server does not take `//` in a path for `/`.',
    node: 'Nodes ask for `//` if the address in `registries.d` ends with a slash: then no image counts as signed, or pulls fail.',
    cure: 'Write the address without a slash at its end. S3 and other buckets take `//` for another key.',
  },
  escapes: {
    severity: 'note',
    cause: 'The server does not take `%40` for `@`, or `%3D` for `=`.',
    node: 'Nodes send neither, but some proxies write paths so.',
    cure: 'Look whether a proxy between nodes and the store changes paths.',
  },
  'decoded-twice': {
    severity: 'note',
    cause: 'The server takes `%2540` for `@`: it decodes paths twice.',
    node: 'Nodes send no such path. Others may reach files past the rules of a proxy.',
    cure: 'nginx: `proxy_pass` without a path behind the name. Envoy: no unescaping of slashes.',
  },
  'head-differs': {
    severity: 'note',
    cause: 'HEAD gets another status than GET.',
    node: 'Nodes send GET only; caches and monitoring may send HEAD.',
    cure: 'Answer HEAD as GET, without the body.',
  },
  listing: {
    severity: 'note',
    cause: 'The server lists what there is.',
    node: 'Nodes never ask for a directory; everybody can see which images are signed.',
    cure: 'If that is not intended: httpd `Options -Indexes`, nginx `autoindex off;`. A bucket has to allow listing, or its answer for missing signatures is 403.',
  },
  'trailing-slash': {
    severity: 'note',
    cause: 'The address ends with a slash.',
    node: 'Nodes then ask for `//`, which not every server takes for `/`.',
    cure: 'Write the address without it.',
  },
  'http-store': {
    severity: 'risk',
    cause: 'The address begins with http.',
    node: 'Anyone on the network path can withhold signatures. They cannot make nodes accept an image.',
    cure: 'Serve the store over https.',
  },
  'secret-in-url': {
    severity: 'risk',
    cause: 'The address has a password or a query in it.',
    node: 'Nodes send both, and all users of a node can read `registries.d`.',
    cure: 'Serve the store without a login; signatures are no secret.',
  },
  'image-unsigned': {
    severity: 'fails',
    cause: 'The store has no signature of an image: the answer for `signature-1` is 404.',
    node: 'Nodes whose policy asks for a signature refuse the image.',
    cure: 'Sign the image and push the signature. If it is so for all images, the path of the address is wrong.',
  },
  'unreadable-signature': {
    severity: 'fails',
    cause:
      'The store serves something that nodes do not take for a signature: empty, armored, a page, above 4 MiB.',
    node: 'Nodes fail every pull of the image, even if another signature is good and the policy accepts anything.',
    cure: 'Remove the file, or replace it with the binary signature.',
  },
  'wrong-length': {
    severity: 'fails',
    cause: 'The body of a signature is shorter or longer than its `Content-Length`.',
    node: 'Nodes fail the pull, or read a signature that is cut short.',
    cure: 'Look for a proxy that changes bodies, or for a full disk: nginx needs room for `proxy_temp_path`.',
  },
  encoding: {
    severity: 'fails',
    cause: 'A signature is served with a `Content-Encoding` that nodes cannot decode.',
    node: 'Nodes ask for gzip and decode it. They take anything else for the signature itself.',
    cure: 'Do not compress signatures: they are smaller than a packet.',
  },
  'no-good-signature': {
    severity: 'fails',
    cause:
      'No signature of an image counts: each is broken, of another image, or by none of the keys.',
    node: 'Nodes pass over each of them, and refuse the image.',
    cure: 'Sign the image again, or give the key that signed with `--keys`.',
  },
  'useless-signature': {
    severity: 'risk',
    cause: 'A signature beside good ones is broken, of another image, or by none of the keys.',
    node: 'Nodes fetch it and pass over it.',
    cure: 'Remove the file.',
  },
  gap: {
    severity: 'risk',
    cause: 'There are signatures behind a number that is missing.',
    node: 'Nodes stop at the first number that is missing, and never ask for those behind it.',
    cure: 'Number the files 1, 2, 3 without a gap. Lookaside closes gaps by itself.',
  },
  'too-many': {
    severity: 'fails',
    cause: 'An image has more than 127 signatures.',
    node: 'Nodes give up after 128 signatures, and fail the pull.',
    cure: 'Remove the oldest files.',
  },
  'replicas-differ': {
    severity: 'risk',
    cause: 'The addresses of the name serve different signatures of an image.',
    node: 'Each pull depends on which address answers.',
    cure: 'Wait a moment, and ask again. If it stays, one of them does not follow the repository: compare their commits.',
  },
  unfinished: {
    severity: 'risk',
    cause: 'The time of `--timeout` was over before all questions were answered.',
    node: 'What was not asked is not known.',
    cure: 'Give a longer `--timeout`, or fewer images.',
  },
} as const satisfies Record<string, ProbeCode>;

export type ProbeFindingCode = keyof typeof PROBE_FINDINGS;

/** Something that a store does. All texts are one printable line. */
export interface ProbeFinding {
  readonly code: ProbeFindingCode;
  readonly severity: ProbeSeverity;
  /** The addresses at which it was seen; empty where none was asked. */
  readonly addresses: readonly string[];
  /** The image that it concerns; null for all. */
  readonly image: string | null;
  /** `GET PATH`; null where nothing was asked. */
  readonly asked: string | null;
  /** What came. */
  readonly got: string;
  /** What a node does then. */
  readonly node: string;
  readonly hint: string;
}

export interface ProbeParticulars {
  readonly got: string;
  readonly asked?: string | undefined;
  readonly address?: string | undefined;
  readonly image?: string | undefined;
  /** That of the code unless told. */
  readonly severity?: ProbeSeverity | undefined;
  readonly hint?: string | undefined;
}

/** Builds a finding. */
export function createProbeFinding(
  code: ProbeFindingCode,
  { got, asked, address, image, severity, hint }: ProbeParticulars,
): ProbeFinding {
  const { node, cure, severity: usual } = PROBE_FINDINGS[code];
  return {
    code,
    severity: severity ?? usual,
    addresses: address === undefined ? [] : [address],
    image: image === undefined ? null : toLine(image),
    asked: asked === undefined ? null : toLine(asked),
    got: toLine(got),
    node,
    hint: toLine(hint ?? cure),
  };
}

const ORDER: readonly ProbeSeverity[] = ['fails', 'risk', 'note'];

/** Findings that say the same of several addresses become one; the worst come first. */
export function mergeFindings(findings: readonly ProbeFinding[]): readonly ProbeFinding[] {
  const merged = new Map<string, ProbeFinding>();
  for (const finding of findings) {
    const key = JSON.stringify([finding.code, finding.severity, finding.image]);
    const before = merged.get(key) ?? finding;
    const addresses = [...new Set([...before.addresses, ...finding.addresses])];
    merged.set(key, { ...before, addresses });
  }
  return [...merged.values()].toSorted(
    (one, other) => ORDER.indexOf(one.severity) - ORDER.indexOf(other.severity),
  );
}
