/** Runs the built program as a person does. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface Finished {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** @param interruptAt the process gets SIGINT when its output first matches */
export function dws(args: readonly string[], { cwd, interruptAt }: { cwd?: string; interruptAt?: RegExp } = {}) {
  return new Promise<Finished>((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    const text = { stdout: '', stderr: '' };
    let isInterrupted = false;
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (chunk: string) => {
        text[stream] += chunk;
        if (isInterrupted || !interruptAt?.test(text[stream])) return;
        isInterrupted = true;
        child.kill('SIGINT');
      });
    }
    child.on('error', reject).on('close', (code, signal) => resolve({ code, signal, ...text }));
  });
}
