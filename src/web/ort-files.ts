/** ONNX Runtime's files in a folder of a server: fetched, and what is wrong with them in words. */
import type * as Ort from 'onnxruntime-web';
import { DwsWebError, reasonOf } from './errors.js';
import { fetchFile, readBody } from './load.js';
import type { PolicyWatch } from './policy.js';

export type Device = 'webgpu' | 'wasm';

interface Files {
  load: () => Promise<typeof Ort>;
  /** The module itself, for where nothing resolves its name. */
  main: string;
  /** What it imports and instantiates. */
  glue: string;
  wasm: string;
}

const files: Record<Device, Files> = {
  wasm: {
    load: () => import('onnxruntime-web/wasm'),
    main: 'ort.wasm.min.mjs',
    glue: 'ort-wasm-simd-threaded.mjs',
    wasm: 'ort-wasm-simd-threaded.wasm',
  },
  webgpu: {
    load: () => import('onnxruntime-web/webgpu'),
    main: 'ort.webgpu.min.mjs',
    glue: 'ort-wasm-simd-threaded.asyncify.mjs',
    wasm: 'ort-wasm-simd-threaded.asyncify.wasm',
  },
};

/** What keeps a script of a folder from being imported: found by fetching it; undefined when nothing does. */
async function scriptFault(url: URL, policy: PolicyWatch): Promise<string | undefined> {
  try {
    const { headers } = await fetchFile(url, "ONNX Runtime's script");
    const type = headers.get('content-type')?.split(';')[0] ?? 'nothing';
    const isScript = /(java|ecma)script$/.test(type);
    // Told by now: the file has been fetched since.
    const blocked = policy.blocked();
    if (isScript || blocked !== undefined) return blocked;
    return `${url} is sent as ${type}: there is something else in its place, or the server has to send .mjs as text/javascript`;
  } catch (error) {
    return policy.blocked() ?? reasonOf(error).replace(/\.$/, '');
  }
}

/**
 * @param copy a fragment of the URL, by which browsers load a module anew, with a state of its own
 * @throws DwsWebError `network` or `blocked`
 */
async function importFrom(folder: URL, device: Device, policy: PolicyWatch, copy = ''): Promise<typeof Ort> {
  const url = new URL(files[device].main + copy, folder);
  try {
    return (await import(/* @vite-ignore */ /* webpackIgnore: true */ url.href)) as typeof Ort;
  } catch (cause) {
    const fault = (await scriptFault(url, policy)) ?? `${url}: ${reasonOf(cause)}`;
    throw new DwsWebError(policy.blocked() ? 'blocked' : 'network', `ONNX Runtime can't be loaded: ${fault}.`, {
      cause,
    });
  }
}

/** The module that a bundler, an import map or Node.js knows, else that of the folder. @throws DwsWebError `network`, `blocked` */
export async function importOrt(device: Device, folder: URL | undefined, policy: PolicyWatch): Promise<typeof Ort> {
  try {
    return await files[device].load();
  } catch (cause) {
    if (folder) return importFrom(folder, device, policy);
    throw new DwsWebError(
      'network',
      `ONNX Runtime can't be loaded (give its folder as wasmPaths): ${reasonOf(cause)}.`,
      { cause },
    );
  }
}

/** A second ONNX Runtime in the same page or worker. @throws DwsWebError where the folder does not hold the whole of it */
export const importAnew = (device: Device, folder: URL, policy: PolicyWatch): Promise<typeof Ort> =>
  importFrom(folder, device, policy, '#anew');

/** More than any of ONNX Runtime's files has. */
const mostBytes = 2 ** 26;

/** The WebAssembly of a folder. @throws DwsWebError `network`, `blocked` */
export async function fetchWasm(device: Device, folder: URL, policy: PolicyWatch): Promise<ArrayBuffer> {
  const name = files[device].wasm;
  const url = new URL(name, folder);
  try {
    const bound = { bytes: mostBytes, code: 'network', by: 'ONNX Runtime takes' } as const;
    const response = await fetchFile(url, name);
    const { buffer } = await readBody(response, name, bound);
    const isWasm = buffer.byteLength > 8 && new DataView(buffer).getUint32(0) === 0x0061736d;
    if (isWasm) return buffer;
    const type = response.headers.get('content-type') ?? 'no type';
    throw new DwsWebError('network', `${url} holds something else than WebAssembly (${type}).`);
  } catch (cause) {
    const blocked = policy.blocked();
    if (blocked === undefined) throw cause;
    throw new DwsWebError('blocked', `ONNX Runtime can't be loaded: ${blocked}.`, { cause });
  }
}

/** Why ONNX Runtime ended its start. */
export async function startFault(
  device: Device,
  folder: URL | undefined,
  policy: PolicyWatch,
  cause: unknown,
): Promise<DwsWebError> {
  const fault = folder && (await scriptFault(new URL(files[device].glue, folder), policy));
  const place = folder ? `in ${folder}` : 'beside its script';
  return new DwsWebError(
    policy.blocked() ? 'blocked' : 'network',
    `ONNX Runtime can't be started; its files are looked for ${place}. ${fault ?? reasonOf(cause)}. Reload to try again.`,
    { cause },
  );
}
