/**
 * Which names a server answers to. A page of another site can let its own name lead to this machine (DNS rebinding), and then
 * reads what is served here as if it were its own; the Host header gives it away.
 */
import { isIPv6 } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { UserError } from '../base/errors.js';

interface Asked {
  /** As URLs write it: lower case, IPv6 in brackets; without the dot that may end it. */
  name: string;
  port: number | undefined;
}

/** @returns undefined for what is neither `name` nor `name:port` */
function readHost(text: string): Asked | undefined {
  // What else a URL may have: a user, a path, spaces that are cut off.
  if (!/^[^\s/?#@\\]+$/.test(text) || !URL.canParse(`http://${text}`)) return undefined;
  const name = new URL(`http://${text}`).hostname.replace(/\.$/, '');
  const port = /:(\d+)$/.exec(text.replace(/^\[.*\]/, ''))?.[1];
  return name === '' ? undefined : { name, port: port === undefined ? undefined : Number(port) };
}

/** A name or address, as it stands in a URL. */
export const inUrl = (host: string): string => (isIPv6(host) ? `[${host}]` : host);

const nameOf = (host: string): string | undefined => readHost(inUrl(host))?.name;

/** Lead to this machine wherever they are looked up. */
const loopback = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Hosts that stand for all addresses of the machine, and what reaches them from itself. */
export const anyHost: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/** Addresses of this machine that others on its networks may reach it by. */
export const outwardAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).flatMap(({ address, family, internal }) => (family === 'IPv4' && !internal ? [address] : [])),
  );

/** Read at each question: a machine changes networks. */
const isThisMachine = (name: string): boolean =>
  name === nameOf(hostname()) ||
  Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => nameOf(address) === name));

export interface Listening {
  /** As it was asked for, and the address that it stands for. */
  host: string;
  address: string;
  port: number;
  /** More names, of `readAllowed`; with any port: a proxy or a tunnel has one of its own. */
  allowed: readonly string[];
}

export interface Refusal {
  status: 400 | 403;
  /** For people, with a line end. */
  text: string;
}

/**
 * @param names of `--allow-host`: names and addresses without a port
 * @returns them as URLs write them
 * @throws UserError for what is none
 */
export function readAllowed(names: readonly string[]): string[] {
  return names.map((given) => {
    const asked = readHost(inUrl(given));
    if (asked && asked.port === undefined && !/\*|[^:]:$/.test(given)) return asked.name;
    throw new UserError(`--allow-host ${given} is no name. Give one as mybox.local, without http:// and a port.`);
  });
}

/** Whether a request's Host headers are answered: undefined when they are. */
export function refusalOf(
  headers: readonly string[],
  { host, address, port, allowed }: Listening,
): Refusal | undefined {
  const asked = headers.length === 1 ? readHost(headers[0]!) : undefined;
  if (!asked) return { status: 400, text: 'The request has to say in one Host header whom it asks.\n' };
  const isOwn =
    loopback.has(asked.name) ||
    [host, address].some((own) => nameOf(own) === asked.name) ||
    (address in anyHost && isThisMachine(asked.name));
  if (allowed.includes(asked.name) || (isOwn && (asked.port ?? port) === port)) return undefined;
  return {
    status: 403,
    text:
      `dws demo does not answer as ${headers[0]}: it answers to the names that it listens as, on port ${port}, so that no page of ` +
      `another site reads what it serves.\nWhere that name is yours, end it and start it with --allow-host ${asked.name}\n`,
  };
}
