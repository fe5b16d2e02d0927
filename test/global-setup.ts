/** Builds dist/ when src/ is newer: worker threads are started from there. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export default function setup(): void {
  execFileSync(process.execPath, [fileURLToPath(new URL('../scripts/setup.mjs', import.meta.url))], {
    stdio: 'inherit',
  });
}
