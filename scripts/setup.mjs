// Installs the locked dependencies when they are missing or older than the lock file, and builds dist/ when its sources are newer.
// Every npm script that a fresh clone may start with runs this first.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
const modified = (file) => (existsSync(file) ? statSync(file).mtimeMs : 0);
const newest = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((latest, entry) => Math.max(latest, modified(path.join(entry.parentPath ?? entry.path, entry.name))), 0);

/** Runs a command, whose own output says what went wrong when it fails. */
function run(command, args) {
  const shell = process.platform === 'win32';
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], shell });
  if (error) console.error(`${command}: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

if (modified(path.join(root, 'node_modules/.package-lock.json')) < modified(path.join(root, 'package-lock.json'))) {
  console.error('installing dependencies (npm ci) ...');
  run(npm, ['ci', '--no-audit', '--no-fund']);
}
const stamp = path.join(root, 'dist/.built');
const sources = ['src', 'examples/web'].map((folder) => newest(path.join(root, folder)));
if (modified(stamp) < Math.max(...sources, modified(path.join(root, 'package.json')))) {
  console.error('building dist/ ...');
  run(npm, ['run', '--silent', 'build']);
}
