/** Runs the built program as a person does. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface Finished {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface Circumstances {
  cwd?: string;
  /** The process gets SIGINT, or `signal`, when its output first matches. */
  interruptAt?: RegExp;
  signal?: NodeJS.Signals;
  /** Called at that place, instead of a signal. */
  onMatch?: () => void;
  /** Undefined ones are not there. */
  env?: Record<string, string | undefined>;
  /** Limits of the shell, for example `-f 100`. */
  ulimit?: string;
  user?: { uid: number; gid: number };
  /** Where the shell lets the output go: `> /dev/full`, `| head -1`. */
  redirect?: string;
}

export function dws(args: readonly string[], circumstances: Circumstances = {}) {
  const { cwd, interruptAt, signal = 'SIGINT', onMatch, env = {}, ulimit, user, redirect } = circumstances;
  const program = [process.execPath, main, ...args];
  const limited = ulimit ? `ulimit ${ulimit}; exec "$0" "$@"` : `set -o pipefail; "$0" "$@" ${redirect}`;
  const [file, ...rest] = ulimit || redirect ? ['bash', '-c', limited, ...program] : program;
  return new Promise<Finished>((resolve, reject) => {
    const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
    const child = spawn(file!, rest, { cwd, stdio, env: { ...process.env, ...env }, ...user });
    const text = { stdout: '', stderr: '' };
    let isInterrupted = false;
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (chunk: string) => {
        text[stream] += chunk;
        if (isInterrupted || !interruptAt?.test(text[stream])) return;
        isInterrupted = true;
        if (onMatch) onMatch();
        else child.kill(signal);
      });
    }
    child.on('error', reject).on('close', (code, signal) => resolve({ code, signal, ...text }));
  });
}
