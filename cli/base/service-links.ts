// The variables with which Kubernetes tells a pod of every Service of its namespace (pkg/kubelet/envvars
// of kubernetes, FromServices and makeLinkVariables). Those of a Service named `lookaside` or
// `lookaside-…` begin as ours do. One is known by its name and its value together, so that a
// misspelt option stays an error.
import { isIP } from 'node:net';

const HIGHEST_PORT = 65_535;

/** What may stand behind the name of the Service, and what Kubernetes writes there. */
const FORMS: readonly (readonly [ending: RegExp, isValue: (value: string) => boolean])[] = [
  [/_SERVICE_HOST$/, isAddress],
  [/_SERVICE_PORT(_[A-Z0-9_]+)?$/, isPort],
  [/_PORT(_\d+_(TCP|UDP|SCTP))?$/, isEndpoint],
  [/_PORT_\d+_(TCP|UDP|SCTP)_PROTO$/, isProtocol],
  [/_PORT_\d+_(TCP|UDP|SCTP)_PORT$/, isPort],
  [/_PORT_\d+_(TCP|UDP|SCTP)_ADDR$/, isAddress],
];
/** A Service's name, upper-cased and with `_` for `-`. */
const OURS = /^LOOKASIDE(_[A-Z0-9_]*[A-Z0-9])?$/;

/** Whether Kubernetes sets this variable to this value for a Service `lookaside` or `lookaside-…`. */
export function isServiceLink(variable: string, value: string): boolean {
  return FORMS.some(([ending, isValue]) => hasName(variable, ending) && isValue(value));
}

/** Whether Kubernetes may set a variable of this name: no option may have it. */
export function isServiceLinkName(variable: string): boolean {
  return FORMS.some(([ending]) => hasName(variable, ending));
}

function hasName(variable: string, ending: RegExp): boolean {
  const at = variable.search(ending);
  return at !== -1 && OURS.test(variable.slice(0, at));
}

function isAddress(value: string): boolean {
  return isIP(value) !== 0;
}

function isPort(value: string): boolean {
  return /^[1-9]\d{0,4}$/.test(value) && Number(value) <= HIGHEST_PORT;
}

function isProtocol(value: string): boolean {
  return /^(tcp|udp|sctp)$/.test(value);
}

/** `tcp://10.0.0.1:8080`; IPv6 addresses are in brackets, except by versions of long ago. */
function isEndpoint(value: string): boolean {
  const { host, port } =
    /^(?:tcp|udp|sctp):\/\/(?<host>.+):(?<port>\d+)$/.exec(value)?.groups ?? {};
  if (host === undefined || port === undefined) return false;
  return isPort(port) && isAddress(host.replace(/^\[(.*:.*)\]$/, '$1'));
}
