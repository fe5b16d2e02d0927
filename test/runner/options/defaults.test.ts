import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../../src/cli/program.js';
import { UserError } from '../../../src/runner/base/errors.js';
import type { EmbedOptions } from '../../../src/runner/evaluation/embed.js';
import * as tables from '../../../src/runner/options/defaults.js';

const { runDefaults, withDefaults, embedDefaults } = tables;

const program = createProgram();

/** What the command line calls otherwise, has in other parts, or does not pass on. */
const apart: Record<string, string | undefined> = { wd: 'weightDecay', gpus: undefined, device: undefined };
const shown = [
  'usePretrained',
  'weights',
  'weightsAt',
  'quiet',
  'json',
  'plan',
  'backbone',
  'out',
  'format',
  'version',
  'help',
];

describe('the command line has the defaults of programs', () => {
  it.each([
    ['train', runDefaults],
    ['eval', tables.evaluateDefaults],
    ['embed', embedDefaults],
    ['gallery', tables.galleryDefaults],
    ['report', tables.reportDefaults],
    ['export', { ...tables.webExportDefaults, ...tables.exportDefaults, checkpoint: undefined }],
    ['check', tables.surveyDefaults],
    ['pack', tables.packDefaults],
    ['verify', { ...tables.verifyDefaults, loss: undefined, sampling: undefined, optimizer: undefined }],
  ])('of dws %s', (name, table) => {
    const command = program.commands.find((one) => one.name() === name)!;
    const options = command.options.map((option) => {
      const key = option.attributeName();
      return [key in apart ? apart[key] : key, option.negate || (option.defaultValue as unknown)] as const;
    });
    const known = options.filter(([key]) => key !== undefined && Object.hasOwn(table, key));
    expect(Object.fromEntries(known)).toEqual(
      Object.fromEntries(known.map(([key]) => [key, (table as Record<string, unknown>)[key!]])),
    );
    const others = options.map(([key]) => key).filter((key) => key !== undefined && !Object.hasOwn(table, key));
    expect(others.filter((key) => !shown.includes(key!))).toEqual(extra[name] ?? []);
  });
});

/** Options that only the command line has, or whose function has an argument for them. */
const extra: Record<string, string[]> = {
  train: ['dataPath'],
  embed: ['checkpoint'],
  gallery: ['checkpoint'],
  export: ['web'],
  check: ['list'],
};

it('what is told of an option is its default', () => {
  const source = readFileSync(new URL('../../../src/runner/options/train-options.ts', import.meta.url), 'utf8');
  const told = [...source.matchAll(/Default: ([\w.,]+?)\.(?: \*\/|\n\s+\*\/)\n {2}(\w+)\?:/g)].map(
    ([, text, key]) => [key!, text!] as const,
  );
  expect(told.length).toBeGreaterThan(30);
  for (const [key, text] of told) {
    const value: unknown = runDefaults[key as keyof typeof runDefaults];
    expect(`${key} ${String(value) || 'none'}`).toBe(`${key} ${text}`);
  }
});

describe('options', () => {
  it('are filled in where they are not given', () => {
    const given = { workers: 0, threads: undefined };
    expect(withDefaults<EmbedOptions, typeof embedDefaults>('embedImages', given, embedDefaults)).toEqual({
      ...embedDefaults,
      workers: 0,
    });
  });

  it.each([
    ['lR', 'train has no option lR. Did you mean lr?'],
    ['batchsize', 'train has no option batchsize. Did you mean batchSize?'],
    ['weightDeacy', 'train has no option weightDeacy. Did you mean weightDecay?'],
    ['colour', 'train has no option colour. Known: workers, skipBad, '],
  ])('are refused where there is none of that name: %s', (key, message) => {
    const fill = () => tables.requireKnown('train', { [key]: 1 }, Object.keys(runDefaults));
    expect(fill).toThrow(UserError);
    expect(fill).toThrow(message);
  });
});

it('images have the size that the model was designed for', () => {
  const sizes = ['resnet50', 'inception_v3', 'constructor'].map(tables.designedImageSize);
  expect(sizes).toEqual([224, 299, 224]);
});
