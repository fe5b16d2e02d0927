/** Runs the built program, and measures it. Linux. */
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';

export const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

/** Writes the process's peak of resident memory when it ends: `maxRSS` would count the parent's as well. */
export const peakHook = `data:text/javascript,${encodeURIComponent(
  `import { readFileSync, writeSync } from 'node:fs'; import { isMainThread } from 'node:worker_threads';
   if (isMainThread) process.on('exit', () => writeSync(3, /VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]));`,
)}`;

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
  seconds: number;
  peakMib: number;
}

/** @param identity whose process it is, where that is another one's */
export function measuredDws(args: readonly string[], identity: { uid?: number; gid?: number } = {}): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(process.execPath, ['--import', peakHook, main, ...args], {
      cwd: tmpdir(),
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      ...identity,
    });
    const texts = ['', '', '', ''];
    for (const place of [1, 2, 3]) {
      child.stdio[place]!.on('data', (bytes: Buffer) => (texts[place] += bytes.toString()));
    }
    child.on('error', reject).on('close', (code) => {
      const seconds = (performance.now() - started) / 1000;
      resolve({ code, stdout: texts[1]!, stderr: texts[2]!, seconds, peakMib: Number(texts[3]) / 1024 });
    });
  });
}
