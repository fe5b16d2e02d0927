/**
 * `dws cuda-install`: puts ONNX Runtime's CUDA provider beside onnxruntime-node's binding. Files are made and checked in a folder of their
 * own and then renamed, so that there is the old provider or the new one, never half of one.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { extract } from 'tar';
import { UserError } from '../base/errors.js';
import { fileError, removeLeftovers, syncFolder, syncPath, temporaryName, writeOwnFile } from '../base/files.js';
import { bindingFolder, noCudaProvider, packageFolder } from '../compute/onnxruntime-folder.js';
import type { ProviderNote } from '../compute/provider-note.js';
import { noteFile, onnxruntimeVersion } from '../compute/provider-note.js';
import type { FetchPackage, PinnedPackage } from '../prepare/packages.js';
import { cachedPackage, userCacheFolder } from '../prepare/packages.js';
import { dynamicOf } from './elf.js';
import type { CudaVersion, InstalledProvider } from './provider.js';
import {
  cuda13Built,
  cuda13Folder,
  cuda13Package,
  cudaOf,
  installedProvider,
  providerFile,
  sharedFile,
  tensorrtFile,
} from './provider.js';

export interface CudaInstallOptions {
  cuda: CudaVersion;
  /** onnxruntime-node's folder. Default: the one that is used here. */
  onnxruntime?: string;
  /** Of the binding. Default: that of `onnxruntime` for this system. */
  binding?: string;
  cacheFolder?: string;
  fetchPackage?: FetchPackage;
  /** What is taken for CUDA 13. Default: the pinned one. */
  wanted?: PinnedPackage;
  env?: Readonly<NodeJS.ProcessEnv>;
  /** Called before anything is fetched, and not for a provider that is there; what it throws ends the installation. */
  beforeFetch?: () => Promise<void>;
  /** Ends it while something is fetched: what was there stays. */
  signal?: AbortSignal;
}

/** What an installation came to. */
export interface CudaInstalled {
  provider: InstalledProvider;
  /** False for one that was there already. */
  created: boolean;
  /** What was replaced. */
  before: InstalledProvider | undefined;
}

/** @throws UserError where ONNX Runtime has no provider for CUDA */
export function requireCudaSystem(platform?: string, arch?: string): void {
  const nowhere = noCudaProvider(platform, arch);
  if (nowhere !== undefined) throw new UserError(`dws cuda-install: ${nowhere}`);
}

/** The line of the error that has ended a script. */
const scriptError = (output: string): string | undefined => /^\s*\w*Error: (.+)$/m.exec(output)?.[1];

/** onnxruntime-node's own script, in a copy: it writes over the files that it finds, one after the other. */
async function fetchOfficial(staging: string, options: CudaInstallOptions) {
  const { onnxruntime = packageFolder, env = process.env, signal } = options;
  await cp(path.join(onnxruntime, 'script'), path.join(staging, 'script'), { recursive: true });
  // A setting goes before the argument.
  const isSetting = (name: string) => name.toLowerCase().includes('onnxruntime_node_install');
  const rest = Object.fromEntries(Object.entries(env).filter(([name]) => !isSetting(name)));
  const script = path.join(staging, 'script/install.js');
  try {
    // Its value `cuda12` is as good as none: the script would look first whether npm has started it.
    await promisify(execFile)(process.execPath, [script, '--onnxruntime-node-install'], { env: rest, signal });
  } catch (error) {
    const { stderr = '', message } = error as { stderr?: string; message: string };
    throw new UserError(
      `dws cuda-install: onnxruntime-node's script could not fetch the provider for CUDA 12: ${scriptError(stderr) ?? message}\n` +
        'It needs a network; a proxy is told to it by GLOBAL_AGENT_HTTPS_PROXY. Nothing was changed.',
      { cause: error },
    );
  }
  return path.join(staging, 'bin/napi-v6/linux/x64');
}

async function fetchThirdParty(staging: string, options: CudaInstallOptions): Promise<string> {
  const { cacheFolder = path.join(userCacheFolder(), 'cuda'), fetchPackage, wanted = cuda13Package, signal } = options;
  const file = await cachedPackage(wanted, cacheFolder, fetchPackage, signal);
  const names = [providerFile, sharedFile].map((name) => `${cuda13Folder}/${name}`);
  await extract(
    { file, cwd: staging, strip: cuda13Folder.split('/').length, strict: true, preserveOwner: false },
    names,
  );
  return staging;
}

interface Source {
  fetch: (staging: string, options: CudaInstallOptions) => Promise<string>;
  from: (options: CudaInstallOptions) => string;
  /** Of ONNX Runtime, that the files were built with. */
  version: () => string;
  /** In the order in which they get their names: the provider is looked for by its own file. */
  files: readonly string[];
}

const sources: Record<CudaVersion, Source> = {
  12: {
    fetch: fetchOfficial,
    from: () => "onnxruntime-node's own script",
    version: onnxruntimeVersion,
    files: [tensorrtFile, sharedFile, providerFile],
  },
  13: {
    fetch: fetchThirdParty,
    from: ({ wanted = cuda13Package }) => `${wanted.name} ${wanted.version}`,
    version: () => cuda13Built,
    files: [sharedFile, providerFile],
  },
};

/** @throws UserError unless a fetched file is what it is to be */
async function requireProviderFor(cuda: CudaVersion, folder: string): Promise<void> {
  const file = path.join(folder, providerFile);
  const dynamic = existsSync(file) ? await dynamicOf(file) : undefined;
  const found = dynamic && cudaOf(dynamic);
  if (found === cuda) return;
  const what = found === undefined ? 'no provider for CUDA' : `for CUDA ${found}`;
  throw new UserError(
    `dws cuda-install: the ${providerFile} that was fetched is ${what}, not for CUDA ${cuda}. Nothing was changed.`,
  );
}

async function putInPlace(fetched: string, binding: string, { files }: Source, note: ProviderNote): Promise<void> {
  for (const name of files) {
    await chmod(path.join(fetched, name), 0o755);
    await syncPath(path.join(fetched, name));
  }
  await mkdir(binding, { recursive: true });
  await rm(path.join(binding, noteFile), { force: true });
  for (const name of files) await rename(path.join(fetched, name), path.join(binding, name));
  await syncFolder(binding);
  await writeOwnFile(path.join(binding, noteFile), `${JSON.stringify(note, null, 2)}\n`);
}

/** Whether a provider is what would be installed: one from elsewhere is taken to be of the installed version. */
const isWanted = (provider: InstalledProvider, cuda: CudaVersion, version: string): boolean =>
  provider.cuda === cuda && (provider.note?.version ?? version) === version;

/**
 * Installs the provider for a version of CUDA; one that is there is left when it is the same, and replaced when it is another.
 *
 * @throws UserError where it can't be fetched, is not what was expected, or can't be written: what was there stays; and where there is
 *   none for the installed version of ONNX Runtime; the signal's reason when it is aborted before anything is replaced
 */
export async function installCudaProvider(options: CudaInstallOptions): Promise<CudaInstalled> {
  const { cuda, onnxruntime = packageFolder, binding = bindingFolder, signal } = options;
  const source = sources[cuda];
  const version = source.version();
  if (version !== onnxruntimeVersion()) {
    throw new UserError(
      `dws cuda-install: the provider for CUDA ${cuda} is of ONNX Runtime ${version}, and onnxruntime-node is ${onnxruntimeVersion()}.`,
    );
  }
  const before = await installedProvider(binding);
  if (before && isWanted(before, cuda, version)) return { provider: before, created: false, before };
  await options.beforeFetch?.();
  let staging: string | undefined;
  try {
    // On the disk that the files end on, and where the script's imports are found.
    const place = path.join(onnxruntime, '.dws-cuda');
    await removeLeftovers(place);
    staging = temporaryName(place);
    await mkdir(staging);
    const fetched = await source.fetch(staging, options);
    await requireProviderFor(cuda, fetched);
    const { size: bytes } = await stat(path.join(fetched, providerFile));
    signal?.throwIfAborted();
    await putInPlace(fetched, binding, source, { version, from: source.from(options), bytes });
    return { provider: (await installedProvider(binding))!, created: true, before };
  } catch (error) {
    // Whatever it has ended: a terminal's Ctrl-C goes to the fetching program as well.
    signal?.throwIfAborted();
    throw fileError(`dws cuda-install: can't put the CUDA provider into ${binding}`, error);
  } finally {
    if (staging !== undefined) await rm(staging, { recursive: true, force: true });
  }
}

/** Removes the provider; undefined where there is none. @throws UserError where it can't be removed */
export async function removeCudaProvider(binding: string = bindingFolder): Promise<InstalledProvider | undefined> {
  const before = await installedProvider(binding);
  if (!before) return undefined;
  try {
    for (const name of [providerFile, sharedFile, tensorrtFile, noteFile])
      await rm(path.join(binding, name), { force: true });
  } catch (error) {
    throw fileError(`dws cuda-install: can't remove ${before.file}`, error);
  }
  return before;
}
