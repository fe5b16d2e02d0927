/** npm packages as data: fetched once with `npm pack` into a cache, at pinned versions, and checked before they are read. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { homeFolder } from '../base/cache-folder.js';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { list } from 'tar';
import { UserError } from '../base/errors.js';
import { ensureWritableFolder, errorCode, fileError, removeLeftovers, temporaryName } from '../base/files.js';

export interface PinnedPackage {
  /** For example `@scope/name`. */
  name: string;
  version: string;
  /** `sha512-` and the tarball's SHA-512 in base64, as npm publishes it. */
  integrity: string;
}

/** Puts a package's tarball into an existing folder, under the name of `tarballName`, until the signal is aborted. */
export type FetchPackage = (wanted: PinnedPackage, folder: string, signal?: AbortSignal) => Promise<void>;

/** The file name that `npm pack` gives: `@scope/name` 1.2.3 -> `scope-name-1.2.3.tgz`. */
export const tarballName = ({ name, version }: PinnedPackage): string =>
  `${name.replace(/^@/, '').replaceAll('/', '-')}-${version}.tgz`;

/** Where this program keeps what it fetched for the user: the platform's cache folder, `dws` inside. */
export function userCacheFolder(
  platform: NodeJS.Platform = process.platform,
  env: Readonly<Record<string, string | undefined>> = process.env,
  home?: string,
): string {
  const below = (...names: string[]) => join(home ?? homeFolder(), ...names);
  if (platform === 'win32') return join(env.LOCALAPPDATA || below('AppData', 'Local'), 'dws');
  if (platform === 'darwin') return below('Library', 'Caches', 'dws');
  return join(env.XDG_CACHE_HOME || below('.cache'), 'dws');
}

/** npm is a batch file on Windows, which Node.js starts through a shell only; its script next to Node.js needs none. */
const npmCommand = (): [file: string, args: string[]] =>
  process.platform === 'win32'
    ? [process.execPath, [join(dirname(process.execPath), 'node_modules', 'npm', 'bin', 'npm-cli.js')]]
    : ['npm', []];

/** Fails soon where there is no network, but not at the first hiccup. */
const NPM_OPTIONS = [
  '--json',
  '--loglevel=silent',
  '--fetch-retries=2',
  '--fetch-retry-mintimeout=1000',
  '--fetch-retry-maxtimeout=2000',
];

/** What `npm --json` says went wrong, in a line; its whole output when it says something else. */
export function npmFailure(output: string): string {
  try {
    const { error } = JSON.parse(output) as { error: { summary: string } };
    return error.summary.split('\n')[0]!;
  } catch {
    return output.trim();
  }
}

/** Fetches with `npm pack`, so that the user's registry, proxy and npm cache are used. */
const npmPack: FetchPackage = async ({ name, version }, folder, signal) => {
  const [file, args] = npmCommand();
  const pack = [...args, 'pack', `${name}@${version}`, '--pack-destination', folder, ...NPM_OPTIONS];
  await new Promise<void>((resolve, reject) => {
    execFile(file, pack, { signal }, (error, stdout, stderr) => {
      if (error === null) resolve();
      else if (errorCode(error) === 'ENOENT') reject(new UserError('npm was not found; it comes with Node.js'));
      else reject(new UserError(npmFailure(stdout || stderr) || error.message));
    });
  });
};

async function integrityOf(path: string): Promise<string> {
  const hash = createHash('sha512');
  await pipeline(createReadStream(path), hash);
  return `sha512-${hash.digest('base64')}`;
}

const exists = async (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    (error: unknown) => {
      if (errorCode(error) === 'ENOENT') return false;
      throw fileError(`can't read ${path}`, error);
    },
  );

/** Removes a tarball that is not the pinned one: it would fail again, or be trusted by someone else. */
async function verify(path: string, { name, version, integrity }: PinnedPackage): Promise<void> {
  const actual = await integrityOf(path);
  if (actual === integrity) return;
  await rm(path, { force: true });
  throw new UserError(
    `${path} is not the ${name} ${version} that was expected and was removed: ` +
      `its integrity is ${actual}, not ${integrity}. Try again; if that does not help, look for a proxy that alters files.`,
  );
}

/**
 * The path of a package's tarball in the cache, fetched if it is not there; verified either way.
 *
 * @throws UserError when it can't be fetched (says how to place it by hand) or is not the pinned one
 */
export async function cachedPackage(
  wanted: PinnedPackage,
  cacheFolder: string,
  fetchPackage: FetchPackage = npmPack,
  signal?: AbortSignal,
): Promise<string> {
  const path = join(cacheFolder, tarballName(wanted));
  if (!(await exists(path))) {
    await ensureWritableFolder(cacheFolder);
    await removeLeftovers(path);
    const temporary = temporaryName(path);
    try {
      await mkdir(temporary);
      await fetchPackage(wanted, temporary, signal);
      const fetched = join(temporary, tarballName(wanted));
      await verify(fetched, wanted);
      await rename(fetched, path);
      return path;
    } catch (error) {
      const { message } = fileError(`can't store ${path}`, error);
      const { name, version } = wanted;
      throw new UserError(
        `can't fetch ${name} ${version}: ${message}\n` +
          `Without a network, run 'npm pack ${name}@${version}' on a machine that has one ` +
          `and put the file ${tarballName(wanted)} into ${cacheFolder}`,
        { cause: error },
      );
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }
  await verify(path, wanted);
  return path;
}

/**
 * Reads one file out of a package's tarball, as text.
 *
 * @param file path inside the package, for example `icons.json`
 * @throws UserError when the tarball is damaged or does not hold the file
 */
export async function readPackageFile(tarball: string, file: string): Promise<string> {
  const wanted = `package/${file}`;
  const chunks: Buffer[] = [];
  let found = false;
  try {
    await list({
      file: tarball,
      strict: true,
      filter: (path) => path === wanted,
      onReadEntry: (entry) => {
        found = true;
        entry.on('data', (chunk) => chunks.push(chunk));
      },
    });
  } catch (error) {
    throw fileError(`can't read ${file} of ${tarball}`, error);
  }
  if (!found) throw new UserError(`${tarball} holds no ${file}; remove it and try again`);
  return Buffer.concat(chunks).toString('utf8');
}
