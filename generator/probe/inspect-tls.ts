// The certificate and the handshake of one address, judged as Go's crypto/tls and crypto/x509 do.
import { type PeerCertificate, checkServerIdentity, connect } from 'node:tls';
import { isIP } from 'node:net';
import { messageOf } from '../terms/errors.ts';
import { formatTime } from '../terms/text.ts';
import type { ProbeFault } from './judge-answer.ts';
import { GO_TLS, portOf, serverName } from './address-agent.ts';

export interface TlsQuestion {
  readonly url: URL;
  readonly address: string;
  /** Authorities (PEM) that nodes trust; undefined for those of Node. */
  readonly trusted: readonly string[] | undefined;
  /** How long before its end a certificate is told of, in milliseconds. */
  readonly expiryWarning: number;
  readonly now: Date;
  /** For the handshake, in milliseconds. */
  readonly patience: number;
}

interface Handshake {
  readonly certificate: PeerCertificate;
  /** The code of OpenSSL; undefined for a chain that is trusted. */
  readonly distrust: string | undefined;
}

const NO_LONGER_GOOD: ReadonlySet<string> = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']);

/** What is wrong with the TLS of an address; nothing where it cannot be reached. */
export async function inspectTls(question: TlsQuestion): Promise<readonly ProbeFault[]> {
  const handshake = await shakeHands(question);
  if (handshake === undefined) return [];
  if (typeof handshake === 'string') return [{ code: 'tls-handshake', got: handshake }];
  const { certificate, distrust } = handshake;
  const validity = `a certificate that is good from ${toDay(certificate.valid_from)} to ${toDay(certificate.valid_to)}`;
  const faults: ProbeFault[] = [];
  const isOld = distrust !== undefined && NO_LONGER_GOOD.has(distrust);
  if (isOld) faults.push({ code: 'tls-expired', got: `${validity} (${distrust})` });
  else if (distrust !== undefined) {
    const issuer = describeName(certificate.issuer);
    faults.push({ code: 'tls-untrusted', got: `a certificate issued by ${issuer} (${distrust})` });
  }
  const name = findNameFault(question.url.hostname, certificate);
  if (name !== undefined) faults.push({ code: 'tls-name', got: name });
  const left = Date.parse(certificate.valid_to) - question.now.getTime();
  if (!isOld && left < question.expiryWarning) {
    faults.push({ code: 'tls-expires-soon', got: validity });
  }
  return faults;
}

/** Undefined where there is no connection; the reason where there is no TLS over it. */
async function shakeHands(question: TlsQuestion): Promise<Handshake | string | undefined> {
  const { url, address, trusted, patience } = question;
  return new Promise((resolve) => {
    let isConnected = false;
    const socket = connect({
      host: address,
      port: portOf(url),
      ...serverName(toPlainHost(url.hostname)),
      ...GO_TLS,
      ...(trusted && { ca: [...trusted] }),
      rejectUnauthorized: false,
      // Names are judged below, as Go does.
      checkServerIdentity: () => undefined,
    });
    const end = (result: Handshake | string | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(
      () => end(isConnected ? `no handshake within ${patience / 1000} s` : undefined),
      patience,
    );
    socket.once('connect', () => (isConnected = true));
    socket.once('secureConnect', () => {
      const { authorized, authorizationError } = socket;
      end({
        certificate: socket.getPeerCertificate(),
        distrust: authorized ? undefined : String(authorizationError),
      });
    });
    socket.on('error', (error) => end(isConnected ? messageOf(error) : undefined));
    socket.once('close', () => end(isConnected ? 'the connection was closed' : undefined));
  });
}

/** Whether a server takes HTTP/2 and refuses HTTP/1.1, if a client offers one of them (ALPN). */
export async function speaksOnlyHttp2(question: TlsQuestion): Promise<boolean> {
  const [two, one] = [
    await chooseProtocol(question, 'h2'),
    await chooseProtocol(question, 'http/1.1'),
  ];
  return two === 'h2' && one !== 'http/1.1';
}

async function chooseProtocol(
  question: TlsQuestion,
  protocol: string,
): Promise<string | undefined> {
  const { url, address, patience } = question;
  return new Promise((resolve) => {
    const socket = connect({
      host: address,
      port: portOf(url),
      ...serverName(toPlainHost(url.hostname)),
      ALPNProtocols: [protocol],
      rejectUnauthorized: false,
    });
    const end = (): void => {
      clearTimeout(timer);
      resolve(socket.alpnProtocol || undefined);
      socket.destroy();
    };
    const timer = setTimeout(end, patience);
    socket.once('secureConnect', end).on('error', end);
  });
}

/** Go looks at subjectAltName alone (crypto/x509, Certificate.VerifyHostname). */
function findNameFault(host: string, certificate: PeerCertificate): string | undefined {
  const { subjectaltname } = certificate;
  if (subjectaltname === undefined || !/(?:DNS|IP Address):/.test(subjectaltname)) {
    return `a certificate without subjectAltName, for ${describeName(certificate.subject)}`;
  }
  const fault = checkServerIdentity(toPlainHost(host), certificate);
  return fault && `a certificate for ${subjectaltname}`;
}

/** A name or an address, which URL puts between brackets if it is one of IPv6. */
export function toPlainHost(hostname: string): string {
  const plain = hostname.replaceAll(/[[\]]/g, '');
  return isIP(plain) === 0 ? hostname : plain;
}

function describeName(name: {
  readonly CN?: string | string[];
  readonly O?: string | string[];
}): string {
  return JSON.stringify(String(name.CN ?? name.O ?? ''));
}

function toDay(text: string): string {
  return formatTime(Date.parse(text));
}
