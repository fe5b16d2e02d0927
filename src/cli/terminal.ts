/** Output for people: one line that is rewritten in place on a terminal, plain lines everywhere else. */
import type { WriteStream } from 'node:tty';

/** Milliseconds between two writes of the live line. */
const REDRAW_MS = 100;

/** Between the parts of the live line. */
const GAP = '  ';

const CLEAR_LINE = '\r\x1b[K';

/** Where to write: `process.stdout`, or a stand-in of tests. */
export type Output = Pick<WriteStream, 'write'> & Partial<Pick<WriteStream, 'isTTY' | 'columns' | 'hasColors'>>;

export class Terminal {
  /** Whether there is a live line. */
  readonly live: boolean;
  private readonly colors: boolean;
  private shown = '';
  private drawn = -Infinity;
  private isSilent = false;

  constructor(private readonly output: Output = process.stdout) {
    this.live = Boolean(output.isTTY) && process.env.TERM !== 'dumb';
    // Node.js's hasColors knows NO_COLOR, FORCE_COLOR and the terminal.
    this.colors = this.live && Boolean(output.hasColors?.());
  }

  /** From now on, nothing is written: another process says the same. */
  silence(): void {
    this.isSilent = true;
  }

  bold(text: string): string {
    return this.colors ? `\x1b[1m${text}\x1b[22m` : text;
  }

  dim(text: string): string {
    return this.colors ? `\x1b[2m${text}\x1b[22m` : text;
  }

  /** Writes lines that stay. */
  print(text: string): void {
    if (this.isSilent) return;
    this.clear();
    this.output.write(`${text}\n`);
  }

  /** Rewrites the live line with as many of its parts as fit, the first cut to the terminal's width; nothing where there is none. */
  status(...parts: readonly string[]): void {
    if (!this.live || this.isSilent || performance.now() - this.drawn < REDRAW_MS) return;
    this.drawn = performance.now();
    const width = Math.max(1, (this.output.columns ?? 80) - 1);
    const fitting = parts.filter((_, i) => i === 0 || parts.slice(0, i + 1).join(GAP).length <= width);
    this.shown = fitting.join(GAP).slice(0, width);
    this.output.write(CLEAR_LINE + this.shown);
  }

  /** Removes the live line. */
  clear(): void {
    if (this.shown === '') return;
    this.shown = '';
    this.drawn = -Infinity;
    this.output.write(CLEAR_LINE);
  }
}

/** The program's own. */
export const terminal = new Terminal();
