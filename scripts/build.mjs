// Builds dist/ from nothing, so that no file of an earlier build stays and is packed. It is made elsewhere and takes its name when it is whole:
// a build that fails or is interrupted leaves none of half, and until then the older one is there. dist/.built says when it was built.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const dist = path.join(root, 'dist');
const cache = path.join(root, '.cache');
mkdirSync(cache, { recursive: true });
const fresh = mkdtempSync(path.join(cache, 'build-'));
const vite = (folder, out) => [
  'vite/bin/vite.js',
  'build',
  folder,
  '--outDir',
  path.join(fresh, out),
  '--logLevel',
  'warn',
];
const programs = [
  ['typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', fresh],
  vite('examples/web', 'demo'),
  vite('src/report-page', 'report'),
];

process.on('exit', () => rmSync(fresh, { recursive: true, force: true }));
for (const [program, ...args] of programs) {
  const command = [path.join(root, 'node_modules', program), ...args];
  const { status } = spawnSync(process.execPath, command, { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(status ?? 1);
}
writeFileSync(path.join(fresh, '.built'), '');
chmodSync(fresh, 0o777 & ~process.umask());
rmSync(dist, { recursive: true, force: true });
renameSync(fresh, dist);
