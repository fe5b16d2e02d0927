/** The recorded hashes, and when they may be others. */
import { readFileSync } from 'node:fs';
import semver from 'semver';
import type { Hashes } from './models.js';

export const hashesFile = new URL('../../test/golden/artifact-hashes.json', import.meta.url);

export interface Recorded {
  /** Of the package that builds these models. */
  version: string;
  hashes: Hashes;
}

export const readRecorded = (): Recorded => JSON.parse(readFileSync(hashesFile, 'utf8')) as Recorded;

/** Names of models that are other ones, new or gone. */
export const changedModels = (was: Hashes, now: Hashes): string[] =>
  [...new Set([...Object.keys(was), ...Object.keys(now)])].filter((name) => was[name] !== now[name]);

/** Three names, and how many more there are. */
export const listNames = (names: readonly string[]): string =>
  names.slice(0, 3).join(', ') + (names.length > 3 ? ` and ${names.length - 3} more` : '');

/**
 * What is recorded from now on. Models that were not recorded before are no change.
 *
 * @param now what `version` builds
 * @throws Error when recorded models are others or gone, but the version is not a later one
 */
export function renewed(recorded: Recorded, version: string, now: Hashes): Recorded {
  const changed = changedModels(recorded.hashes, now).filter((name) => Object.hasOwn(recorded.hashes, name));
  if (semver.lt(version, recorded.version))
    throw new Error(`package.json says ${version}, but models of ${recorded.version} are recorded already.`);
  if (changed.length > 0 && version === recorded.version) {
    throw new Error(
      `version ${version} has built other models: ${listNames(changed)}. ` +
        'Raise the version in package.json (npm version --no-git-tag-version minor) and begin CHANGELOG.md with it, ' +
        'so that dws verify can name it; then renew.',
    );
  }
  return { version, hashes: now };
}
