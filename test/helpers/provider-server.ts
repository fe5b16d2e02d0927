/** Stands in for the server that onnxruntime-node's install script fetches its CUDA provider from; the certificate is made on the spot. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);

interface InstallMetadata {
  manifests: Record<string, Record<string, { package: string; path: string }>>;
  packages: Record<string, { name: string; versions: { version: string }[] }>;
  feeds: Record<string, { index: string }>;
}

const scripts = path.resolve(require.resolve('onnxruntime-node/package.json'), '../script');
/** What the script unpacks with. */
const AdmZip = createRequire(path.join(scripts, 'install.js'))('adm-zip') as new () => {
  addFile(name: string, content: Buffer): void;
  toBuffer(): Buffer;
};

const { manifests, packages, feeds } = require(path.join(scripts, 'install-metadata.js')) as InstallMetadata;

/** What the script fetches on Linux x64, and where from. */
const wanted = Object.values(manifests['linux/x64:cuda12']!);
const { name, versions } = packages[wanted[0]!.package]!;
const [{ version }] = versions as [{ version: string }];
const { origin, host, pathname } = new URL(feeds['nuget']!.index);

export const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

export interface ProviderServer {
  /** What makes a child's install script ask this server instead, through a proxy. */
  env: Record<string, string>;
  /** Paths that were asked for. */
  requests: string[];
  close(): Promise<void>;
}

const listen = (server: Server | https.Server): Promise<number> =>
  new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)));

/**
 * @param folder for the certificate
 * @param isReachable whether connections get through to the server
 * @param contentOf what the script gets for a path of its package
 */
export async function startProviderServer(
  folder: string,
  isReachable = true,
  contentOf = (file: string): Buffer => Buffer.from(`stands in for ${file}`),
): Promise<ProviderServer> {
  const requests: string[] = [];
  const key = path.join(folder, 'key.pem');
  const cert = path.join(folder, 'cert.pem');
  // Through a proxy, the script holds the certificate to `localhost`.
  const subject = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host},DNS:localhost`];
  const options = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert];
  execFileSync('openssl', ['req', ...options, ...subject], { stdio: 'ignore' });

  const zip = new AdmZip();
  for (const file of wanted) zip.addFile(file.path, contentOf(file.path));
  const base = `/flat/${name.toLowerCase()}`;
  const json = (value: unknown) => ({ type: 'application/json', body: JSON.stringify(value) as string | Uint8Array });
  const files: Record<string, { type: string; body: string | Uint8Array }> = {
    [pathname]: json({ resources: [{ '@type': 'PackageBaseAddress/3.0.0', '@id': `${origin}/flat/` }] }),
    [`${base}/index.json`]: json({ versions: [version] }),
    [`${base}/${version}/${name.toLowerCase()}.${version}.nupkg`]: {
      type: 'application/octet-stream',
      body: zip.toBuffer(),
    },
  };
  const answer = ({ url = '' }: IncomingMessage, response: ServerResponse) => {
    requests.push(url);
    const file = files[url];
    response.writeHead(file ? 200 : 404, { 'content-type': file?.type ?? 'text/plain' }).end(file?.body);
  };
  const server = https.createServer({ key: readFileSync(key), cert: readFileSync(cert) }, answer);
  const port = await listen(server);

  const proxy = http.createServer();
  proxy.on('connect', ({ url = '' }: IncomingMessage, socket) => {
    if (!isReachable || url !== `${host}:443`) {
      requests.push(`CONNECT ${url}`);
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
      return;
    }
    const upstream = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
    for (const end of [socket, upstream]) end.on('error', () => end.destroy());
  });
  const sockets = new Set<Socket>();
  for (const each of [proxy, server]) each.on('connection', (socket: Socket) => void sockets.add(socket));
  const address = `http://127.0.0.1:${await listen(proxy)}`;
  return {
    env: { GLOBAL_AGENT_HTTP_PROXY: address, GLOBAL_AGENT_HTTPS_PROXY: address, NODE_EXTRA_CA_CERTS: cert },
    requests,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      for (const each of [proxy, server]) await new Promise((resolve) => each.close(resolve));
    },
  };
}
