/** `dws export`: which options belong together. */
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/program.js';

const run = (...args: string[]) => {
  const program = createProgram();
  for (const command of program.commands) command.configureOutput({ writeErr: () => undefined });
  return program.parseAsync(['export', '--checkpoint', 'nowhere.safetensors', ...args], { from: 'user' });
};

describe('dws export', () => {
  it.each([
    [['-o', 'a.onnx', '--web', 'site'], '-o a.onnx and --web site: give one of them'],
    [[], 'say what to write: a file with -o model.onnx, or a folder for web pages with --web DIR'],
    [['-o', 'a.onnx', '--variants', 'fp16'], '--variants has no meaning for -o a.onnx'],
    [['-o', 'a.onnx', '--data-path', 'data'], '--data-path has no meaning for -o a.onnx'],
    [['--web', 'site', '--with-resize'], '--with-resize belongs to -o model.onnx'],
    [['-o', 'a.safetensors', '--with-resize'], '--with-resize has no meaning for a.safetensors'],
    [
      ['--web', 'site', '--variants', 'fp16,int4'],
      "'fp16,int4' is invalid. Did you mean int8? Known: fp32, fp16, int8.",
    ],
    [['--web', ''], 'Give a path.'],
    [['--web', 'site'], "can't read nowhere.safetensors"],
  ])('%j', async (args, message) => {
    await expect(run(...args)).rejects.toThrow(message);
  });
});
