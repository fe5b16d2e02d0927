/** Which versions of Node.js this package runs on. */
import satisfies from 'semver/functions/satisfies.js';
import { packageJson } from './package-json.js';

/** Says which Node.js is needed and where it is to be had; undefined when the version is one of those in package.json. */
export function nodeComplaint(version = process.versions.node): string | undefined {
  const wanted = packageJson().engines.node;
  if (satisfies(version, wanted, { includePrerelease: true })) return undefined;
  return `Node.js ${wanted} is needed, and this is ${version}. Get a newer one from https://nodejs.org`;
}
