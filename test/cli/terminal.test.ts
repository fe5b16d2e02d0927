import { afterEach, describe, expect, it, vi } from 'vitest';
import { Terminal } from '../../src/cli/terminal.js';
import { recorder } from './recorder.js';

afterEach(() => void vi.unstubAllEnvs());

describe('on a terminal', () => {
  it('rewrites one line in place and clears it before lines that stay', () => {
    vi.stubEnv('TERM', 'xterm');
    const { output, written } = recorder({ isTTY: true });
    const terminal = new Terminal(output);
    terminal.status('step 1');
    terminal.print('saved');
    terminal.print('done');
    expect(written()).toBe('\r\x1b[Kstep 1\r\x1b[Ksaved\ndone\n');
  });

  it('cuts the live line to the width', () => {
    vi.stubEnv('TERM', 'xterm');
    const { output, written } = recorder({ isTTY: true, columns: 8 });
    new Terminal(output).status('0123456789');
    expect(written()).toBe('\r\x1b[K0123456');
  });

  it('uses colors when the terminal has them', () => {
    vi.stubEnv('TERM', 'xterm');
    const { output } = recorder({ isTTY: true, hasColors: () => true });
    expect(new Terminal(output).dim('x')).toBe('\x1b[2mx\x1b[22m');
  });
});

describe('without a terminal', () => {
  it.each([
    ['a pipe', { isTTY: false }, 'xterm'],
    ['a dumb terminal', { isTTY: true }, 'dumb'],
  ])('writes no control characters to %s', (_name, properties, term) => {
    vi.stubEnv('TERM', term);
    const { output, written } = recorder({ ...properties, hasColors: () => true });
    const terminal = new Terminal(output);
    terminal.status('step 1');
    terminal.print(terminal.bold('done'));
    expect(written()).toBe('done\n');
  });
});
