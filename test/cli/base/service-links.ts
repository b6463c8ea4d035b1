export interface Service {
  readonly name: string;
  readonly address: string;
  readonly ports: readonly {
    readonly number: number;
    readonly name?: string | undefined;
    readonly protocol: string;
  }[];
}

/** What Kubernetes sets in every container of the namespace for a Service. */
export function serviceLinks({ name, address, ports }: Service): Readonly<Record<string, string>> {
  const prefix = toVariable(name);
  const host = address.includes(':') ? `[${address}]` : address;
  const links = new Map([[`${prefix}_SERVICE_HOST`, address]]);
  for (const [index, { number, name: portName, protocol }] of ports.entries()) {
    const lower = protocol.toLowerCase();
    const link = `${prefix}_PORT_${number}_${protocol}`;
    if (index === 0) {
      links.set(`${prefix}_SERVICE_PORT`, String(number));
      links.set(`${prefix}_PORT`, `${lower}://${host}:${number}`);
    }
    if (portName !== undefined) {
      links.set(`${prefix}_SERVICE_PORT_${toVariable(portName)}`, String(number));
    }
    links.set(link, `${lower}://${host}:${number}`);
    links.set(`${link}_PROTO`, lower);
    links.set(`${link}_PORT`, String(number));
    links.set(`${link}_ADDR`, address);
  }
  return Object.fromEntries(links);
}

function toVariable(name: string): string {
  const text = name.toUpperCase().replaceAll('-', '_');
  return /^\d/.test(text) ? `_${text}` : text;
}
