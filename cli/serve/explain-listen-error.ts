// Why a server cannot listen, and what to do about it.
import { hasCode, messageOf } from '../../generator/terms/errors.ts';
import { ListenError } from '../../server/listen/listeners.ts';
import type { ListenAddress } from '../base/option-values.ts';
import type { Settings } from '../base/options.ts';
import { UsageError } from '../base/usage-error.ts';

type ListenOption = 'listen' | 'status-listen';
type ListenSettings = Readonly<Record<ListenOption, ListenAddress>>;

/** Who often has a port before us. */
const USUAL: ReadonlyMap<number, string> = new Map([
  [80, 'a web server such as nginx or httpd'],
  [443, 'a web server such as nginx or httpd'],
  [5000, 'a registry'],
  [9090, 'Cockpit (cockpit.socket), or Prometheus'],
  [9100, "Prometheus' node exporter"],
]);
const LISTENING_TCP =
  'pass on a TCP socket that listens: in a .socket unit ListenStream= with a port, and Accept=no';
/** The system keeps those below for root. */
const FIRST_FREE_PORT = 1024;

/** A usage error for what a server threw when it was to listen; anything else as it is. */
export function explainListenError(
  error: unknown,
  settings: Pick<Settings, ListenOption>,
): unknown {
  if (!(error instanceof ListenError)) return error;
  const { listener, cause, isInherited } = error;
  if (isInherited) {
    const message = `cannot take connections from the inherited socket of the ${listener}`;
    return new UsageError(`${message}: ${messageOf(cause)}`, LISTENING_TCP, { cause });
  }
  const option = listener === 'store' ? 'listen' : 'status-listen';
  const [why, hint] = explain(cause, option, settings);
  const place = `${formatPlace(settings[option])} (--${option})`;
  return new UsageError(`cannot listen on ${place}: ${why}`, hint, { cause });
}

function explain(
  cause: unknown,
  option: ListenOption,
  settings: ListenSettings,
): readonly [why: string, hint: string] {
  const { host, port } = settings[option];
  const another = `choose another with --${option}`;
  if (hasCode(cause, 'EADDRINUSE')) {
    return ['the port is in use (EADDRINUSE)', `${findHolder(settings, port)}, or ${another}`];
  }
  if (hasCode(cause, 'EACCES', 'EPERM') && port < FIRST_FREE_PORT) {
    const right = 'CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE)';
    const why = `ports below ${FIRST_FREE_PORT} are kept for root (EACCES)`;
    return [why, `give lookaside the capability ${right}, or ${another}`];
  }
  if (hasCode(cause, 'EADDRNOTAVAIL')) {
    const all = `\`ip address\` lists the addresses of this host, and :${port} stands for all of them`;
    return ['this host has no such address (EADDRNOTAVAIL)', all];
  }
  if (hasCode(cause, 'EAFNOSUPPORT')) {
    return ['this host has no IPv6 (EAFNOSUPPORT)', `give an IPv4 address with --${option}`];
  }
  if (hasCode(cause, 'ENOTFOUND', 'EAI_AGAIN')) {
    const why = `the name ${host} does not resolve (${messageOf(cause)})`;
    return [why, `give an address with --${option}, or :${port} for all addresses of this host`];
  }
  return [messageOf(cause), another];
}

function findHolder(settings: ListenSettings, port: number): string {
  if (settings.listen.port === port && settings['status-listen'].port === port) {
    return `--listen and --status-listen both name port ${port}: give them two`;
  }
  const usual = USUAL.get(port);
  const guess = usual === undefined ? '' : `; it is often ${usual}`;
  return `see who has it with: ss -ltnp 'sport = :${port}'${guess}`;
}

function formatPlace({ host, port }: ListenAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
