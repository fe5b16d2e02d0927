// Serves the page with a model, on this machine only: node serve.mjs MODEL [PORT]
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));

const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};

/** The file of a URL path inside of a folder, or undefined when it would be outside or the path is none. */
function within(folder, path) {
  try {
    const file = normalize(join(folder, decodeURIComponent(path)));
    return file.startsWith(resolve(folder) + sep) ? file : undefined;
  } catch {
    return undefined;
  }
}

/** Asked under another name, it is a page of another site that has its name lead here. */
const isThisMachine = (host) => /^(localhost|127\.0\.0\.1)(:\d+)?$/i.test(host ?? '');

/** Serves the folders of `mounts`, by URL prefix, beside this one; returns the server and its origin. */
export async function serve(mounts, port = 0) {
  const server = createServer(async (request, response) => {
    if (!isThisMachine(request.headers.host)) return response.writeHead(403).end('open it as localhost or 127.0.0.1\n');
    const [pathname] = request.url.split(/[?#]/, 1);
    const prefix = Object.keys(mounts).find((start) => pathname.startsWith(start));
    const file = prefix
      ? within(mounts[prefix], pathname.slice(prefix.length))
      : within(here, pathname === '/' ? 'index.html' : pathname);
    const found = file && (await stat(file).catch(() => undefined));
    if (!found?.isFile()) return response.writeHead(404).end();
    const type = types[extname(file)] ?? 'application/octet-stream';
    response.writeHead(200, { 'content-type': type, 'content-length': found.size });
    createReadStream(file).pipe(response);
  });
  await new Promise((done) => server.listen(port, '127.0.0.1', done));
  return { server, origin: `http://127.0.0.1:${server.address().port}` };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [model, port = '8000'] = process.argv.slice(2);
  if (!model) {
    console.error('usage: node serve.mjs MODEL [PORT]   (MODEL: a folder written by dws export --web)');
    process.exit(1);
  }
  const { origin } = await serve({ '/model/': model }, Number(port));
  console.log(`open ${origin}/`);
}
