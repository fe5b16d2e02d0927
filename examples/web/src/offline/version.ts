/** Which model and gallery a server has: the texts that describe them stand for all of their files. */
import type { GalleryInfo, WebModelInfo } from 'dws/web';

export interface Version {
  /** The same for the same model and gallery. */
  key: string;
  /** By name, what describes the rest. */
  texts: Map<string, string>;
  /** All other files that the page may ask for, and their bytes where these are said. */
  files: { name: string; bytes?: number }[];
}

const modelText = 'dws.json';
const galleryText = 'gallery/gallery.json';

/** There is no server, or only a proxy before it. */
export class ServerGone extends Error {}

/** @returns undefined when the server has no such file */
async function textOf(url: URL, signal?: AbortSignal): Promise<string | undefined> {
  const response = await fetch(url, { cache: 'no-cache', signal }).catch((error: unknown) => {
    throw new ServerGone(undefined, { cause: error });
  });
  if (response.status >= 500) throw new ServerGone();
  return response.ok ? response.text() : undefined;
}

async function digest(text: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
  return Array.from(bytes.subarray(0, 16), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const bytesOf = { float32: 4, int8: 1 } as const;

/** The form that the page runs, and the file with the head for learning. */
function modelFiles({ variants, head }: WebModelInfo): Version['files'] {
  const { graph, weights } = variants.find(({ name }) => name === 'fp32')!;
  return [...new Set([graph, weights, head.weights])].map((name) => ({ name }));
}

function galleryFiles({ count, dim, dtype, embeddings, map, features, thumbs }: GalleryInfo): Version['files'] {
  const all: Version['files'] = [
    { name: embeddings, bytes: count * dim * bytesOf[dtype] },
    ...(map === undefined ? [] : [{ name: map, bytes: count * 8 }]),
    ...(features ? [{ name: features.file, bytes: count * features.dim * bytesOf[dtype] }] : []),
    ...thumbs.sheets.map((name) => ({ name })),
  ];
  return all.map(({ name, bytes }) => ({ name: `gallery/${name}`, bytes }));
}

/** Bytes of graph and weights together. */
export const modelBytes = (texts: Version['texts']): number =>
  (JSON.parse(texts.get(modelText)!) as WebModelInfo).variants.find(({ name }) => name === 'fp32')!.bytes;

/**
 * @param folder of the page, on the server
 * @returns undefined when it has no model, or describes one that this page can't read
 * @throws ServerGone; the signal's reason
 */
export async function versionOf(folder: string, signal?: AbortSignal): Promise<Version | undefined> {
  const [model, gallery] = await Promise.all(
    [modelText, galleryText].map((name) => textOf(new URL(name, folder), signal)),
  );
  if (model === undefined) return undefined;
  const texts = new Map([[modelText, model]]);
  if (gallery !== undefined) texts.set(galleryText, gallery);
  try {
    const files = modelFiles(JSON.parse(model) as WebModelInfo);
    if (gallery !== undefined) files.push(...galleryFiles(JSON.parse(gallery) as GalleryInfo));
    return { key: await digest(JSON.stringify([...texts])), texts, files };
  } catch {
    return undefined;
  }
}
