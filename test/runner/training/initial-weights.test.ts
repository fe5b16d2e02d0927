import path from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { UserError } from '../../../src/runner/base/errors.js';
import type { TrainEvent } from '../../../src/runner/training/events.js';
import { train } from '../../../src/runner/jobs/train.js';
import { writeImageFolder } from '../../helpers/images.js';
import { temporaryFolder } from '../data/images.js';
import { smallRun } from './train-options.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);

beforeAll(() => writeImageFolder(at('data')));
beforeEach(() => void vi.stubEnv('DWS_CACHE', at('cache')));
afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
});

/** A training from published weights, with `answer` in place of the network. */
function begin(answer: () => Response, stopAt?: TrainEvent['kind']) {
  const asked: string[] = [];
  vi.stubGlobal('fetch', (address: string) => {
    asked.push(address);
    return Promise.resolve(answer());
  });
  const events: TrainEvent[] = [];
  const controller = new AbortController();
  const onEvent = (event: TrainEvent) => {
    events.push(event);
    if (event.kind === stopAt) controller.abort();
  };
  const options = smallRun({
    model: 'resnet18',
    dataPath: at('data'),
    out: at('out'),
    pretrained: { kind: 'published', weights: 'v1' },
  });
  return { asked, events, result: train(options, { onEvent, signal: controller.signal }) };
}

describe('a training from published weights', () => {
  it('tells how the download goes', async () => {
    const { asked, events, result } = begin(() => new Response('abc', { headers: { 'content-length': '3' } }));
    await expect(result).rejects.toThrow(UserError);
    expect(asked).toEqual(['https://download.pytorch.org/models/resnet18-f37072fd.pth']);
    const progress = { kind: 'download-progress', file: 'resnet18-f37072fd.pth', total: 3 };
    expect(events.filter(({ kind }) => kind === 'download-progress')).toEqual([
      { ...progress, done: 0 },
      { ...progress, done: 3 },
    ]);
  });

  it('can be stopped in the download', async () => {
    const { result } = begin(() => new Response('abc'), 'download-progress');
    expect(await result).toMatchObject({ status: 'interrupted', step: 0 });
  });
});
