/**
 * Builds dist/ when src/ is newer: worker threads are started from there. And what a program prints in a test is plain text
 * whoever runs the tests: libraries take CI and FORCE_COLOR for a terminal's colors.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export default function setup(): void {
  execFileSync(process.execPath, [fileURLToPath(new URL('../scripts/setup.mjs', import.meta.url))], {
    stdio: 'inherit',
  });
  delete process.env.FORCE_COLOR;
  process.env.NO_COLOR = '1';
}
