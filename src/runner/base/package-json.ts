/** What this package says about itself. */
import { readFileSync } from 'node:fs';

export interface PackageJson {
  version: string;
  description: string;
  engines: { node: string };
}

/** Reads the package's own package.json, from `src` and from `dist` alike. */
export const packageJson = (): PackageJson =>
  JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as PackageJson;
