import { expect, it } from 'vitest';
import * as dws from '../../../src/runner/index.js';

const functions = dws as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;

it.each<[string, unknown[], RegExp]>([
  ['openData', [], /^openData: dataPath is undefined\. Give a path\.$/],
  ['surveyData', [{}], /^surveyData: dataPath is \{\}/],
  ['evaluate', [{ checkpoint: 'run' }], /^evaluate: dataPath is undefined/],
  ['evaluate', [], /^evaluate takes its options as an object, and undefined is none\.$/],
  ['embedImages', ['run', ['a', 7]], /^embedImages: 1 is 7\./],
  ['exportModel', ['run'], /^exportModel: outPath is undefined/],
  ['exportWeb', [], /^exportWeb: checkpointPath is undefined/],
  ['makeGallery', ['run', ['a']], /^makeGallery: out is undefined/],
  ['makeReport', [null], /^makeReport: run is null/],
  ['verifyRun', ['a\0b'], /^verifyRun: folder is "a\\u0000b"/],
  ['diffRuns', ['a'], /^diffRuns: b is undefined/],
  ['train', [], /^train takes its options as an object/],
])('%s says which of its arguments is no path: %j', async (name, args, words) => {
  await expect(functions[name]!(...args)).rejects.toThrow(words);
});
