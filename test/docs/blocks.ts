/** The code blocks of a Markdown page, and what the comments in front of them say: see CONTRIBUTING.md. */
import type { Code, Nodes } from 'mdast';
import { fromMarkdown } from 'mdast-util-from-markdown';

export type Mark =
  /** Is run; `small`: a training with few and small steps, whatever it asks for. */
  | { kind: 'run'; small: boolean }
  /** TypeScript that is type-checked only. */
  | { kind: 'compile' }
  /** Is written to this file of the page's folder; TypeScript is type-checked. */
  | { kind: 'file'; name: string }
  /** Stands in what the last block printed. */
  | { kind: 'output' }
  | { kind: 'not run'; reason: string };

export interface Block {
  page: string;
  /** Of the first line of the code, from 1. */
  line: number;
  language: string;
  code: string;
  /** Shell commands that are run before and not shown. */
  setup: string[];
  mark: Mark;
}

export const shells = ['sh', 'console'];
export const typescript = ['ts'];
const runnable = [...shells, ...typescript, 'js', 'python'];

const marks: Record<string, (value: string) => Mark> = {
  run: () => ({ kind: 'run', small: false }),
  'run small': () => ({ kind: 'run', small: true }),
  compile: () => ({ kind: 'compile' }),
  output: () => ({ kind: 'output' }),
  file: (name) => ({ kind: 'file', name }),
  'not run': (reason) => ({ kind: 'not run', reason }),
};
const withValue = ['file', 'not run'];

/** @throws Error saying what is wrong with the mark */
function readMark(comment: string): Mark {
  const [, key = '', value = ''] = /^([^:]*?)(?::\s*(.*?))?$/s.exec(comment.trim())!;
  const read = Object.hasOwn(marks, key) ? marks[key] : undefined;
  if (!read) throw new Error(`<!-- ${comment.trim()} --> is none of ${Object.keys(marks).join(', ')}`);
  if (withValue.includes(key) !== value > '') {
    throw new Error(
      withValue.includes(key) ? `<!-- ${key} --> needs more: <!-- ${key}: ... -->` : `${key} takes no "${value}"`,
    );
  }
  return read(value);
}

const comment = /^<!--(.*)-->$/s;
const setup = /^\s*setup:\s*(.*?)\s*$/s;

/** @throws Error saying why the code can't be held to its mark */
function requireFit({ mark, language, line }: Block, markdown: string): void {
  const opening = markdown.split('\n')[line - 2] ?? '';
  if (!/^\s*(>\s*)*(```|~~~)/.test(opening)) throw new Error('the code is indented: fence it with ```');
  if (language === '') throw new Error('the fence names no language: ```sh, ts, text, ...');
  if (mark.kind === 'run' && !runnable.includes(language)) throw new Error(`${language} can't be run`);
  if (mark.kind === 'compile' && !typescript.includes(language)) throw new Error(`${language} can't be compiled`);
  if (mark.kind === 'file' && /^\/|\.\./.test(mark.name)) throw new Error(`${mark.name} is outside the page's folder`);
}

/** The comments that stand directly before a node, first one first. */
function commentsBefore(siblings: readonly Nodes[], index: number): string[] {
  const found: string[] = [];
  for (let i = index - 1; i >= 0; i--) {
    const node = siblings[i]!;
    const [, text] = node.type === 'html' ? (comment.exec(node.value.trim()) ?? []) : [];
    if (text === undefined || node.position!.end.line + 1 !== siblings[i + 1]!.position!.start.line) break;
    // Lines of comments without an empty one between them are one node.
    found.unshift(...text.split(/-->\s*<!--/));
  }
  return found;
}

function readBlock(page: string, markdown: string, node: Code, comments: readonly string[]): Block {
  const isFenced = /^\s*(```|~~~)/.test(markdown.slice(node.position!.start.offset));
  const commands = comments.flatMap((text) => setup.exec(text)?.[1] ?? []);
  const others = comments.filter((text) => !setup.test(text));
  if (others.length === 0) {
    throw new Error(
      'the code has no mark: write <!-- run -->, <!-- compile --> or <!-- not run: why --> on the line before it ' +
        '(CONTRIBUTING.md lists all)',
    );
  }
  if (others.length > 1) throw new Error(`the code has ${others.length} marks`);
  const line = node.position!.start.line + (isFenced ? 1 : 0);
  const block = {
    ...{ page, line, language: node.lang ?? '', code: node.value, setup: commands },
    mark: readMark(others[0]!),
  };
  requireFit(block, markdown);
  return block;
}

export interface Page {
  page: string;
  blocks: Block[];
  /** One line each, beginning with PAGE:LINE. */
  problems: string[];
}

/** Files that are written twice, and outputs of nothing. */
function problemsBetween(blocks: readonly Block[]): string[] {
  const files = new Set<string>();
  return blocks.flatMap(({ page, line, mark }, index) => {
    if (mark.kind === 'output' && blocks[index - 1]?.mark.kind !== 'run')
      return [`${page}:${line}: the block before this output is not run`];
    if (mark.kind !== 'file') return [];
    if (files.has(mark.name)) return [`${page}:${line}: ${mark.name} is on this page already: take another name`];
    files.add(mark.name);
    return [];
  });
}

/** @param page its path, for messages */
export function readPage(page: string, markdown: string): Page {
  const blocks: Block[] = [];
  const problems: string[] = [];
  const visit = (node: Nodes): void => {
    if (!('children' in node)) return;
    for (const [index, child] of node.children.entries()) {
      visit(child);
      if (child.type !== 'code') continue;
      try {
        blocks.push(readBlock(page, markdown, child, commentsBefore(node.children, index)));
      } catch (error) {
        problems.push(`${page}:${child.position!.start.line}: ${(error as Error).message}`);
      }
    }
  };
  visit(fromMarkdown(markdown));
  return { page, blocks, problems: [...problems, ...problemsBetween(blocks)] };
}
