/** The built library, without a bundler, in every browser that is there. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Sharp } from 'sharp';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { embedImages } from '../../src/runner/evaluation/embed.js';
import { Visitor, browsers, needs } from '../helpers/browsers.js';
import type { TestServer } from '../helpers/chromium.js';
import { pattern, temporaryFolder, writeFiles } from '../runner/data/images.js';
import type { Job, Outcome } from './check-page.js';
import { serveChecks } from './check-page.js';
import type { SmallModel } from './small-model.js';
import { cosine, drawing, inference, makeSmallModel, onWhite } from './small-model.js';

const folder = temporaryFolder();

/** Two frames, one above the other. */
const frames = sharp(
  Buffer.alloc(3 * 40 * 80).map((_, i) => 255 * Number((i % 120) / 3 < 20 === i < 3 * 40 * 40)),
  { raw: { width: 40, height: 80, channels: 3, pageHeight: 40 } },
);
let small: SmallModel;

const ort = fileURLToPath(new URL('../../node_modules/onnxruntime-web/dist', import.meta.url));

/** ONNX Runtime's files, not as they should be: pages in their place, and scripts of no type. */
const bad = createServer((request, response) => {
  response.setHeader('Access-Control-Allow-Origin', '*');
  const [, kind, name] = request.url!.split('/');
  const isPage = kind === 'pages' || (kind === 'wasm-page' && name!.endsWith('.wasm'));
  if (isPage) return void response.setHeader('Content-Type', 'text/html').end('<!doctype html>Not found');
  const type = kind === 'types' ? 'text/plain' : name!.endsWith('.wasm') ? 'application/wasm' : 'text/javascript';
  readFile(path.join(ort, name!)).then(
    (bytes) => response.setHeader('Content-Type', type).end(bytes),
    () => response.writeHead(404).end(),
  );
});
const badOrt = (kind: string) => `http://127.0.0.1:${(bad.address() as AddressInfo).port}/${kind}/`;

const policy = (directives: string) => ({
  'Content-Security-Policy': `default-src 'none'; connect-src *; img-src data:; ${directives}`,
});

/** Where the page is served. */
const places = {
  plain: {},
  isolated: { isolated: true },
  deep: { base: '/some/where/', isolated: true },
  shared: { headers: { 'Access-Control-Allow-Origin': '*', 'Cross-Origin-Resource-Policy': 'cross-origin' } },
  strict: { isolated: true, headers: policy("script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'") },
  'no-wasm': { headers: policy("script-src 'self'; worker-src 'self'") },
  'no-workers': { isolated: true, headers: policy("script-src 'self' 'wasm-unsafe-eval'; worker-src 'none'") },
} satisfies Record<string, Parameters<typeof serveChecks>[1]>;
type Place = keyof typeof places;
let servers: Record<Place, TestServer>;

/** Images of other depths, color profiles and numbers of frames. */
const others: Record<string, Sharp> = {
  'images/others/16-bits.png': onWhite(drawing(90, 70, 2)).toColourspace('rgb16'),
  'images/others/display-p3.png': onWhite(drawing(90, 70, 3)).withIccProfile('p3'),
  'images/others/display-p3.jpg': onWhite(drawing(90, 70, 4))
    .withIccProfile('p3')
    .jpeg({ quality: 95, chromaSubsampling: '4:4:4' }),
  'images/others/gray-16-bits.png': onWhite(drawing(90, 70, 5)).toColourspace('grey16'),
  'images/others/frames.gif': frames.clone().gif(),
  'images/others/frames.webp': frames.clone().webp({ lossless: true }),
};

const half = async (image: Sharp): Promise<Buffer> => {
  const bytes = await image.toBuffer();
  return bytes.subarray(0, bytes.length >> 1);
};

beforeAll(async () => {
  small = await makeSmallModel(folder.path);
  await writeFiles(folder.path, others);
  const paths = Object.keys(others).map((name) => path.join(folder.path, name));
  const { embeddings, dim } = await embedImages(small.checkpoint, paths, inference);
  Object.keys(others).forEach((name, i) =>
    small.expected.set(name.slice('images/'.length), embeddings.slice(i * dim, (i + 1) * dim)),
  );
  await writeFiles(folder.path, {
    'bad/half.jpg': await half(pattern(90, 90).jpeg()),
    'bad/half.png': await half(pattern(90, 90).png()),
    'bad/half.gif': await half(pattern(90, 90).gif()),
    'bad/half.webp': await half(pattern(90, 90).webp()),
    'bad/print.jpg': await drawing(90, 90, 3).flatten({ background: '#fff' }).toColourspace('cmyk').jpeg().toBuffer(),
  });
  const entries = Object.entries(places).map(async ([name, options]) => [
    name,
    await serveChecks(folder.path, options),
  ]);
  servers = Object.fromEntries(await Promise.all(entries)) as typeof servers;
  await new Promise<void>((resolve) => bad.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  bad.closeAllConnections();
  bad.close();
  await Promise.all(Object.values(servers ?? {}).map((server) => server.close()));
});

describe.each(browsers)('dws/web in $name', (kind) => {
  describe.skipIf(!kind.program)(`of this machine${needs(kind)}`, () => {
    let visitor: Visitor;
    /** WebKitGTK gives isolated pages no SharedArrayBuffer. */
    const mostThreads = kind.name === 'WebKit' ? 1 : 2;

    beforeAll(async () => {
      visitor = await Visitor.start(kind);
    });
    afterAll(() => visitor?.close());

    async function run(place: Place, job: Job): Promise<Outcome> {
      const base = (places[place] as { base?: string }).base ?? '/';
      const given = new URLSearchParams({ control: visitor.origin, job: JSON.stringify(job) });
      return (await visitor.visit(`${servers[place].origin}${base}page/?${given}`)) as Outcome;
    }

    function expectEmbeddings({ refusal, embeddings = [] }: Outcome, names: string[]): void {
      expect(refusal).toBeUndefined();
      names.forEach((name, i) => {
        const values = embeddings[i];
        expect(values, name).toBeInstanceOf(Array);
        expect(cosine(values as number[], small.expected.get(name)!), name).toBeGreaterThan(0.9999);
      });
      expect(embeddings).toHaveLength(names.length);
    }

    const some = ['icons/wide.png', 'alpha/half.png', 'other/turned.jpg'];
    const imagesAt = (root: string, names: string[]) => names.map((name) => `${root}images/${name}`);

    it('embeds images of all sizes, depths, profiles and frames in a page as dws embed does', async () => {
      const names = [...small.expected.keys()];
      expectEmbeddings(await run('plain', { images: imagesAt('../', names) }), names);
    });

    it.each<[string, Place, Job['in']]>([
      ['a module worker with threads', 'isolated', 'worker'],
      ['a page with threads, below a path', 'deep', 'page'],
      ['a module worker under a strict policy', 'strict', 'worker'],
    ])('embeds in %s', async (_, place, where) => {
      const outcome = await run(place, { in: where, options: { threads: 2 }, images: imagesAt('../', some) });
      expectEmbeddings(outcome, some);
      expect(outcome.threads).toBe(mostThreads);
      if (mostThreads === 2) expect(outcome.threadLimit).toBeUndefined();
      else expect(outcome.threadLimit).toMatch(/^1 of 2 threads: this browser gives the page no SharedArrayBuffer/);
    });

    it('embeds with model, images and ONNX Runtime on another server', async () => {
      const root = `${servers.shared.origin}/`;
      const options = { threads: 2, wasmPaths: `${root}ort/` };
      const job: Job = { in: 'worker', options, model: `${root}model/`, images: imagesAt(root, some) };
      const outcome = await run('isolated', job);
      expectEmbeddings(outcome, some);
      expect(outcome.threads).toBe(mostThreads);
    });

    it.skipIf(mostThreads === 1)('starts with one thread where two get stuck, and says so', async () => {
      const job: Job = { in: 'worker', options: { threads: 2 }, images: imagesAt('../', some), isStuck: true };
      const outcome = await run('isolated', job);
      expectEmbeddings(outcome, some);
      expect(outcome).toMatchObject({
        threads: 1,
        threadLimit: '1 of 2 threads: it had not started with 2 threads after 20 s',
      });
    });

    it.skipIf(mostThreads === 1)('starts with one thread where a policy forbids workers, and says so', async () => {
      const outcome = await run('no-workers', { options: { threads: 2 }, images: imagesAt('../', some) });
      expectEmbeddings(outcome, some);
      expect(outcome.threads).toBe(1);
      expect(outcome.threadLimit).toMatch(
        /^1 of 2 threads: the page's Content-Security-Policy blocks http.*worker-src/,
      );
    });

    const refusals: [what: string, place: Place, ort: string | undefined, code: string, message: RegExp][] = [
      [
        'a policy against WebAssembly',
        'no-wasm',
        undefined,
        'blocked',
        /forbids WebAssembly.*'wasm-unsafe-eval' to script-src/,
      ],
      [
        'a policy against another server',
        'strict',
        'pages',
        'blocked',
        /Content-Security-Policy blocks http.*script-src/,
      ],
      ['pages in place of all files', 'plain', 'pages', 'network', /ort\.wasm\.min\.mjs is sent as text\/html/],
      [
        'a page in place of WebAssembly',
        'plain',
        'wasm-page',
        'network',
        /\.wasm holds something else than WebAssembly \(text\/html\)/,
      ],
      ['scripts of another type', 'plain', 'types', 'network', /sent as text\/plain: .*send \.mjs as text\/javascript/],
    ];
    it.each(refusals)('says what is wrong: %s', async (_, place, kindOfOrt, code, message) => {
      const options = kindOfOrt === undefined ? {} : { wasmPaths: badOrt(kindOfOrt) };
      const { refusal } = await run(place, { options });
      expect(refusal).toMatchObject({ code, message: expect.stringMatching(message) as string });
    });

    it('refuses image files that are cut short, and JPEGs in CMYK', async () => {
      const names = ['half.jpg', 'half.png', 'half.gif', 'half.webp', 'print.jpg'];
      const { embeddings } = await run('plain', { images: names.map((name) => `../bad/${name}`) });
      const cut = { code: 'not-an-image', message: expect.stringMatching(/cut short/) as string };
      expect(embeddings).toEqual([cut, cut, cut, cut, { ...cut, message: expect.stringMatching(/CMYK/) as string }]);
    });
  });
});
