/** Runs the built program on a terminal, as `script` (util-linux) gives it one, and presses Ctrl-C. */
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { main, peakHook } from './measured.js';

export interface Watched {
  code: number | null;
  /** All that was on the terminal. */
  text: string;
  seconds: number;
  peakMib: number;
  /** Seconds of the longest time in which nothing new was shown. */
  silence: number;
  /** Seconds from Ctrl-C to the end; undefined when it was not pressed. */
  stopped: number | undefined;
}

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** @param ctrlC after how many seconds it is pressed */
export function watchedDws(args: readonly string[], ctrlC?: number): Promise<Watched> {
  return new Promise((resolve, reject) => {
    const command = [process.execPath, '--import', peakHook, main, ...args].map(quoted).join(' ');
    const started = performance.now();
    const since = (moment: number) => (performance.now() - moment) / 1000;
    const child = spawn('script', ['-qefc', `exec ${command}`, '/dev/null'], {
      cwd: tmpdir(),
      stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
    });
    let [text, peak] = ['', ''];
    let [shown, silence] = [started, 0];
    let pressed: number | undefined;
    const timer = setTimeout(
      () => {
        pressed = performance.now();
        child.stdin!.write('\x03');
      },
      1000 * (ctrlC ?? 2 ** 21),
    );
    child.stdout!.on('data', (bytes: Buffer) => {
      text += bytes.toString();
      silence = Math.max(silence, since(shown));
      shown = performance.now();
    });
    child.stdio[3]!.on('data', (bytes: Buffer) => (peak += bytes.toString()));
    child.on('error', reject).on('close', (code) => {
      clearTimeout(timer);
      const stopped = pressed === undefined ? undefined : since(pressed);
      const last = Math.max(silence, since(shown));
      resolve({ code, text, seconds: since(started), peakMib: Number(peak) / 1024, silence: last, stopped });
    });
  });
}
