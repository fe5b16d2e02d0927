import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { completionScript, shells } from '../../src/cli/completion.js';
import { createProgram } from '../../src/cli/program.js';
import { temporaryFolder } from '../runner/data/images.js';

const folder = temporaryFolder();
const isThere = (shell: string) => spawnSync(shell, ['-c', 'true']).status === 0;
const script = (shell: string) => path.join(folder.path, `dws.${shell}`);
const program = createProgram();

beforeAll(async () => {
  for (const shell of shells) await writeFile(script(shell), completionScript(program, shell));
});

/** What bash offers after some words, the last of which is being written. */
function offered(...words: string[]): string[] {
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const asked = `source ${script('bash')}; COMP_WORDS=(dws ${quoted}); COMP_CWORD=${words.length}; _dws; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-euc', asked], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout.split('\n').filter(Boolean);
}

describe.skipIf(!isThere('bash'))('bash', () => {
  it('completes commands, and those of a command', () => {
    expect(offered('tr')).toEqual(['train']);
    expect(offered('')).toEqual(expect.arrayContaining(program.commands.map((command) => command.name())));
    expect(offered('prepare', 'ic')).toEqual(['icons']);
  });

  it('completes the words that an argument may be', () => {
    expect(offered('completion', '')).toEqual([...shells]);
    expect(offered('help', 'tr')).toEqual(['train']);
  });

  it('completes every option of every command', () => {
    for (const command of program.commands) {
      const long = command.options.flatMap((option) => option.long ?? []);
      expect(offered(command.name(), '--')).toEqual(expect.arrayContaining(long));
    }
  });

  it('completes values, also after an equals sign', () => {
    expect(offered('train', '--model', 'resnet1')).toEqual(['resnet18', 'resnet101', 'resnet152']);
    expect(offered('train', '--lr', '1', '--model', '=', 'resnet5')).toEqual(['resnet50']);
    expect(offered('train', '--model', '=')).toContain('alexnet');
    expect(offered('eval', '--split', '')).toEqual(['train', 'val']);
  });

  it('leaves paths and numbers to the shell', () => {
    expect(offered('train', '--data-path', '')).toEqual([]);
    expect(offered('train', '--lr', '')).toEqual([]);
    expect(offered('embed', 'pho')).toEqual([]);
  });
});

it.skipIf(!isThere('bash'))('the script for zsh is one that bash parses too', () => {
  expect(spawnSync('bash', ['-n', script('zsh')], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
});

it.skipIf(!isThere('zsh'))('zsh takes its script', () => {
  const { status, stdout } = spawnSync('zsh', ['-fc', `source ${script('zsh')}; print $+functions[_dws]`], {
    encoding: 'utf8',
  });
  expect({ status, stdout }).toEqual({ status: 0, stdout: '1\n' });
});

it.skipIf(!isThere('fish'))('fish takes its script, and completes from it', () => {
  const asked = `source ${script('fish')}; complete -C 'dws train --model resnet5'`;
  expect(spawnSync('fish', ['-Nc', asked], { encoding: 'utf8' }).stdout).toContain('resnet50');
});
