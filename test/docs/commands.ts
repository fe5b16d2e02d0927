/** Commands on a page, held against what there is: also those that are not run. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileDefaults } from '../../src/graph/imported/backbone.js';
import { flagOf } from '../../src/graph/declarations.js';
import { createProgram } from '../../src/cli/program.js';
import { isModulePath, isOnnxPath, partKinds } from '../../src/runner/modules/kinds.js';
import type { Block } from './blocks.js';
import { shells } from './blocks.js';
import { checkout } from './pages.js';

const { scripts } = JSON.parse(readFileSync(path.join(checkout, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};
const { commands } = createProgram();

function dwsProblems([name, ...words]: string[]): string[] {
  if (name === 'help' || name?.startsWith('-')) return [];
  const command = commands.find((candidate) => candidate.name() === name);
  if (!command) return [`dws has no command ${name}`];
  // A module declares options of its own: running the command holds those.
  const isPart = (word: string) => partKinds.some((kind) => word === `--${kind}`);
  if (words.some((word, i) => isPart(word) && isModulePath(words[i + 1] ?? ''))) return [];
  // An ONNX file's are the same for all.
  const hasFile = words.some((word, i) => word === '--model' && isOnnxPath(words[i + 1] ?? ''));
  const own = hasFile ? Object.keys(fileDefaults).map(flagOf) : [];
  const known = ['-h', '--help', ...own, ...command.options.flatMap(({ short, long }) => [short, long])];
  return words
    .filter((word) => /^-{1,2}[a-z]/.test(word))
    .map((word) => word.replace(/=.*/, ''))
    .filter((option) => !known.includes(option))
    .map((option) => `dws ${name} has no option ${option}`);
}

function lineProblems(line: string): string[] {
  const words = line
    .replace(/(^|\s)#.*/, '')
    .trim()
    .split(/\s+/);
  if (words[0] === 'npm' && words[1] === 'run' && !Object.hasOwn(scripts, words[2]!))
    return [`package.json has no script ${words[2]}`];
  const [first, ...rest] = words[0] === 'npx' ? words.slice(1) : words;
  return first === 'dws' ? dwsProblems(rest) : [];
}

/** One line each, beginning with PAGE:LINE. */
export function commandProblems({ page, line, language, code }: Block): string[] {
  if (!shells.includes(language)) return [];
  const joined = code.replaceAll('\\\n', ' ');
  return joined
    .split('\n')
    .flatMap((command) => lineProblems(command.replace(/^\$ /, '')).map((problem) => `${page}:${line}: ${problem}`));
}
