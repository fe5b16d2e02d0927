import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapedLine, isPrintable, printableName } from '../../../src/runner/base/printable-name.js';

describe('printableName', () => {
  it('keeps what a terminal shows, emoji and other scripts included', () => {
    for (const name of ['a/b c.png', 'ä漢字.png', '😀👩‍🚀.png', 'C:\\x.png']) expect(printableName(name)).toBe(name);
  });

  it('escapes what would break or disguise a line', () => {
    expect(printableName('a\nb\r\tc\x1b[31m\u202e\u2028\ud800')).toBe(
      'a\\nb\\r\\tc\\u{1b}[31m\\u{202e}\\u{2028}\\u{d800}',
    );
  });

  it('leaves nothing to escape', () => {
    const text = fc.string({ unit: 'binary' });
    fc.assert(fc.property(text, (name) => isPrintable(printableName(name))));
  });
});

describe('escapedLine', () => {
  it('is one line that gives the name back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const line = escapedLine(name);
        expect(line).not.toMatch(/[\r\n]/);
        expect(line.startsWith('"') ? JSON.parse(line) : line).toBe(name);
      }),
    );
    expect(escapedLine('"a".png')).toBe('"\\"a\\".png"');
  });
});
