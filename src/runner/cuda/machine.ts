/** What a machine has of CUDA: every library that the provider asks for, and where the loader finds it. */
import path from 'node:path';
import { UserError } from '../base/errors.js';
import { bindingFolder } from '../compute/onnxruntime-folder.js';
import { onnxruntimeVersion, otherVersion, putAgain } from '../compute/provider-note.js';
import type { Asking, LoaderPlaces } from './loader.js';
import { findElsewhere, findLibrary, loaderPlaces } from './loader.js';
import type { CudaVersion, InstalledProvider } from './provider.js';
import { cudaVersions, installedProvider } from './provider.js';

export interface CudaPart {
  /** The library's name, or that of the provider's file. */
  name: string;
  /** Where it was found. */
  file?: string;
  /** What to know, or to do where it was not. */
  advice?: string;
  isMissing: boolean;
}

export interface CudaSearch {
  binding?: string;
  places?: LoaderPlaces;
  /** Folders that the loader does not look into, with `*` for any one name. */
  elsewhere?: readonly string[];
}

const runtimeOf = (cuda: number): string => `libcudart.so.${cuda}`;
/** Loaded by the provider when it first calls it, and so not among the libraries that it is linked to. */
const cudnn = 'libcudnn.so.9';
/** What the providers of each version are linked to. */
const usual = (cuda: number): string[] => [
  'libcuda.so.1',
  runtimeOf(cuda),
  `libcublas.so.${cuda}`,
  `libcublasLt.so.${cuda}`,
  'libcurand.so.10',
];
/** CUDA's own among the libraries that a provider is linked to. */
const isCudaLibrary = (name: string): boolean => /^lib(cuda|cublas|cudnn|cufft|curand|nv)/.test(name);

/** What brings a library; the first that matches. */
const bringers: readonly (readonly [name: RegExp, advice: string])[] = [
  [/^libcuda\.so/, "install NVIDIA's driver"],
  [/^libcudnn/, 'install cuDNN 9 for that version of CUDA'],
  [/^lib/, "install CUDA's toolkit"],
];

async function partOf(name: string, places: LoaderPlaces, search: CudaSearch, asking?: Asking): Promise<CudaPart> {
  const file = await findLibrary(name, places, asking);
  if (file !== undefined) return { name, file, isMissing: false };
  const other = await findElsewhere(name, search.elsewhere);
  const advice =
    other === undefined
      ? bringers.find(([pattern]) => pattern.test(name))?.[1]
      : `it is in ${path.dirname(other)}: put that folder on the library path (LD_LIBRARY_PATH)`;
  return { name, advice, isMissing: true };
}

/** @param here versions of CUDA on this machine */
function providerPart(
  provider: InstalledProvider | undefined,
  version: string,
  here: ReadonlyMap<number, string>,
): CudaPart {
  const name = 'provider';
  if (!provider) return { name, advice: 'not installed: npx dws cuda-install', isMissing: true };
  const { file, cuda, note } = provider;
  if (cuda === undefined) return { name, file, advice: `it is no provider for CUDA: ${putAgain}`, isMissing: true };
  const [found] = here;
  if (found && !here.has(cuda)) {
    const advice = `for CUDA ${cuda}, and CUDA ${found[0]} is here (${found[1]}): npx dws cuda-install --cuda ${found[0]}`;
    return { name, file, advice, isMissing: true };
  }
  if (!note) return { name, file, advice: `for CUDA ${cuda}; of which ONNX Runtime is not known`, isMissing: false };
  const other = otherVersion(note, version);
  if (other !== undefined) return { name, file, advice: other, isMissing: true };
  return {
    name,
    file,
    advice: `for CUDA ${cuda}, of ONNX Runtime ${version} as onnxruntime-node is`,
    isMissing: false,
  };
}

/** The versions of CUDA whose runtime is on this machine, and where. */
export async function cudaOfMachine(search: CudaSearch = {}): Promise<Map<CudaVersion, string>> {
  const places = search.places ?? (await loaderPlaces());
  const found = new Map<CudaVersion, string>();
  for (const version of cudaVersions) {
    const name = runtimeOf(version);
    const file = (await findLibrary(name, places)) ?? (await findElsewhere(name, search.elsewhere));
    if (file !== undefined) found.set(version, file);
  }
  return found;
}

/** The one version of CUDA that this machine has. @throws UserError where there is none, or are two */
export async function chooseCuda(search: CudaSearch = {}): Promise<{ cuda: CudaVersion; at: string }> {
  const found = [...(await cudaOfMachine(search))];
  if (found.length === 1) return { cuda: found[0]![0], at: found[0]![1] };
  const there = found.map(([cuda, file]) => `CUDA ${cuda} (${file})`).join(' and ');
  throw new UserError(
    found.length === 0
      ? 'dws cuda-install: CUDA is not found here (libcudart.so.12 or .13, on the library path and where it usually lies). ' +
          'Say which version the machine will have: --cuda 12 or --cuda 13.'
      : `dws cuda-install: ${there} are both here. Say which is to be used: --cuda 12 or --cuda 13.`,
  );
}

/** Every part that a training on CUDA needs: driver, runtime, cuBLAS, cuDNN and what else the provider asks for, and the provider. */
export async function cudaParts(search: CudaSearch = {}): Promise<CudaPart[]> {
  const { binding = bindingFolder } = search;
  const places = search.places ?? (await loaderPlaces());
  const provider = await installedProvider(binding);
  const here = await cudaOfMachine({ ...search, places });
  const [first = cudaVersions[0]] = here.keys();
  const asked = provider?.dynamic?.needed.filter(isCudaLibrary) ?? [];
  const names = new Set([...(asked.length > 0 ? asked.toSorted() : usual(first)), cudnn]);
  const asking = provider?.dynamic && { ...provider.dynamic, folder: binding };
  const parts = await Promise.all([...names].map((name) => partOf(name, places, search, asking)));
  return [...parts, providerPart(provider, onnxruntimeVersion(), here)];
}
