/** Whether a code block that nobody has decided on is found, however it is written. */
import { describe, expect, it } from 'vitest';
import { readPage } from './blocks.js';

const read = (...lines: string[]) => readPage('page.md', lines.join('\n'));
const fenced = (mark: string, language = 'sh', code = 'true') => [mark, `\`\`\`${language}`, code, '```', ''];

describe('a code block', () => {
  it('has the mark of the comment on the line before it', () => {
    const { blocks, problems } = read(
      'Text.',
      ...fenced('<!-- run -->'),
      ...fenced('<!-- run small -->'),
      ...fenced('<!-- compile -->', 'ts'),
      ...fenced('<!-- file: my-loss.ts -->', 'ts'),
      ...fenced('<!-- not run: needs CUDA: 12 -->', 'text'),
      ...fenced('<!-- run -->', 'console'),
      ...fenced('<!-- output -->', 'text'),
    );
    expect(problems).toEqual([]);
    expect(blocks.map(({ mark }) => mark)).toEqual([
      { kind: 'run', small: false },
      { kind: 'run', small: true },
      { kind: 'compile' },
      { kind: 'file', name: 'my-loss.ts' },
      { kind: 'not run', reason: 'needs CUDA: 12' },
      { kind: 'run', small: false },
      { kind: 'output' },
    ]);
    expect(blocks[0]).toMatchObject({ page: 'page.md', line: 4, language: 'sh', code: 'true', setup: [] });
  });

  it('may have commands before it that are not shown', () => {
    const { blocks, problems } = read('<!-- setup: mkdir a -->', '<!-- setup: cd a -->', ...fenced('<!-- run -->'));
    expect(problems).toEqual([]);
    expect(blocks).toMatchObject([{ setup: ['mkdir a', 'cd a'], mark: { kind: 'run' } }]);
  });

  it('is found in lists and quotes, too', () => {
    const { blocks, problems } = read(
      ...['- one', '', '  <!-- run -->', '  ```sh', '  true', '  ```', ''],
      ...['> <!-- compile -->', '> ```ts', '> 1;', '> ```', '', '- two', '', '  ```sh', '  true', '  ```'],
    );
    expect(blocks.map(({ line, code }) => [line, code])).toEqual([
      [5, 'true'],
      [10, '1;'],
    ]);
    expect(problems).toEqual([expect.stringMatching(/^page\.md:15: the code has no mark/)]);
  });
});

describe('a code block is a problem', () => {
  it.each([
    ['without a mark', fenced(''), /^page\.md:2: the code has no mark/],
    [
      'with a mark that does not stand on the line before',
      fenced('<!-- run -->\n'),
      /^page\.md:3: the code has no mark/,
    ],
    ['with text before it', fenced('Do this:'), /no mark/],
    ['that is not run for no reason', fenced('<!-- not run -->'), /^page\.md:2: <!-- not run --> needs more/],
    ['that is not run for an empty reason', fenced('<!-- not run:  -->'), /needs more/],
    ['with a word that is none', fenced('<!-- ran -->'), /<!-- ran --> is none of run, run small, compile/],
    ['with more than one mark', fenced('<!-- run -->\n<!-- compile -->', 'ts'), /has 2 marks/],
    ['that is indented', ['Text.', '', '<!-- run -->', '', '    npm test'], /no mark/],
    ['that is indented behind a mark', ['<!-- run -->', '    npm test'], /is indented: fence it/],
    ['without a language', fenced('<!-- run -->', ''), /names no language/],
    ['of another language that is to be run', fenced('<!-- run -->', 'text'), /text can't be run/],
    ['of another language that is to be compiled', fenced('<!-- compile -->', 'sh'), /sh can't be compiled/],
    ['that is written elsewhere', fenced('<!-- file: ../a.ts -->', 'ts'), /outside the page's folder/],
    ['that is the output of nothing', fenced('<!-- output -->', 'text'), /the block before this output is not run/],
    [
      'that writes a file again',
      [...fenced('<!-- file: a.ts -->', 'ts'), ...fenced('<!-- file: a.ts -->', 'ts')],
      /^page\.md:8: a\.ts is on this page already/,
    ],
  ])('%s', (_, lines, problem) => {
    expect(read(...lines).problems).toEqual([expect.stringMatching(problem)]);
  });
});
