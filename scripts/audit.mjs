// Fails when a dependency that users get has a known vulnerability, of high severity or above. Not every registry answers such questions;
// without an answer this says so and passes.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
/** Folders with a lock file. */
const folders = ['.', 'examples/transformers-js'];
const severe = ['high', 'critical'];

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

for (const folder of folders) {
  const args = ['audit', '--omit=dev', '--package-lock-only', '--json'];
  const { stdout, error } = spawnSync('npm', args, { cwd: path.join(root, folder), encoding: 'utf8' });
  const { vulnerabilities, message } = parse(stdout ?? '');
  if (vulnerabilities === undefined) {
    console.log(
      `Skipped: the audit of ${folder}, for the registry gave no answer (${message ?? error?.message ?? 'none'}).`,
    );
    continue;
  }
  const found = Object.values(vulnerabilities).filter(({ severity }) => severe.includes(severity));
  for (const { name, severity, range } of found)
    console.error(`${folder}: ${name} ${range} has a ${severity} vulnerability`);
  if (found.length > 0) process.exitCode = 1;
  else console.log(`${folder}: no known vulnerability of high severity in what users get`);
}
