/** npm run hashes: records what models this version builds; see CONTRIBUTING.md for when. */
import { writeFileSync } from 'node:fs';
import { packageJson } from '../../src/runner/base/package-json.js';
import { hashModels } from './models.js';
import { changedModels, hashesFile, readRecorded, renewed } from './renew.js';

try {
  const recorded = readRecorded();
  const now = renewed(recorded, packageJson().version, hashModels());
  writeFileSync(hashesFile, `${JSON.stringify(now, null, 2)}\n`);
  const changed = changedModels(recorded.hashes, now.hashes).length;
  console.log(`version ${now.version}: ${changed} of ${Object.keys(now.hashes).length} models are others than before`);
} catch (error) {
  console.error(`hashes: ${(error as Error).message}`);
  process.exitCode = 1;
}
