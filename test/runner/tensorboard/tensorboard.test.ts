import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { pairDistances } from '../../../src/runner/tensorboard/distances.js';
import { encodeRecord, maskedCrc } from '../../../src/runner/tensorboard/records.js';
import { nearestTo } from '../../../src/runner/tensorboard/retrieval-picture.js';
import { histogram } from '../../../src/runner/tensorboard/summaries.js';
import { readMetrics } from '../../../src/runner/training/metrics-file.js';
import { writeImageFolder } from '../../helpers/images.js';
import { temporaryFolder } from '../data/images.js';
import { trainSmall } from '../training/train-options.js';
import type { ReadEvent } from './event-reader.js';
import { readEvents, readRecords } from './event-reader.js';

describe('a record', () => {
  it('has the published checksum of CRC-32C', () => {
    const crc = 0xe3069283;
    const masked = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
    expect(maskedCrc(new TextEncoder().encode('123456789'))).toBe(masked);
  });

  it('is read back, and found damaged when one bit of it is', () => {
    const data = Buffer.from('any bytes');
    const record = Buffer.from(encodeRecord(data));
    expect(readRecords(Buffer.concat([record, record]))).toEqual([data, data]);
    for (let byte = 0; byte < record.length; byte++) {
      const damaged = Buffer.from(record);
      damaged[byte]! ^= 4;
      expect(() => readRecords(damaged)).toThrow();
    }
  });
});

describe('a histogram', () => {
  it('counts each value once, in buckets that end at the greatest', () => {
    const { histo } = histogram('x', [0, 0, 1, 2.5, 3]);
    expect(histo).toMatchObject({ min: 0, max: 3, num: 5, sum: 6.5, sumSquares: 16.25 });
    expect(histo!.bucket.reduce((a, b) => a + b)).toBe(5);
    expect([histo!.bucket[0], histo!.bucket.at(-1), histo!.bucketLimit.at(-1)]).toEqual([2, 1, 3]);
  });

  it('of equal values has one bucket', () => {
    expect(histogram('x', [1.2, 1.2]).histo).toMatchObject({ bucketLimit: [1.2], bucket: [2] });
  });
});

it('distances are those of pairs of one class and of different classes', () => {
  const embeddings = Float32Array.of(0, 0, 3, 4, 0, 1, 3, 5);
  const { positive, negative } = pairDistances(embeddings, 2, [0, 0, 1, 1]);
  expect(positive).toEqual([5, 5]);
  const between = [1, Math.sqrt(34), Math.sqrt(18), 1];
  expect(negative.length).toBeGreaterThan(0);
  for (const value of negative) expect(between.some((d) => Math.abs(d - value) < 1e-6)).toBe(true);
});

it('the nearest come closest first, the earlier of equal ones first, and never the query', () => {
  expect(nearestTo(Float32Array.of(0, 5, 1, 1, 2), 1, 0, 3)).toEqual([2, 3, 4]);
});

describe('a training', () => {
  const folder = temporaryFolder();
  const at = (...names: string[]) => path.join(folder.path, ...names);
  const run = () => ({
    ...{ dataPath: at('data'), out: at('run'), tensorboard: true, clipNorm: 1, model: 'squeezenet1_1' },
    ...{ stepsPerRun: 2, batchNum: 3 },
  });
  const filesOf = async () =>
    (await readdir(at('run'))).filter((name) => name.startsWith('events.out.tfevents.')).sort();
  let events: ReadEvent[];

  beforeAll(async () => {
    await writeImageFolder(at('data'));
    await trainSmall({ ...run(), epochs: 1 });
    events = readEvents(await readFile(at('run', (await filesOf())[0]!)));
  });

  it('begins its file with the version and a session', () => {
    expect(events[0]).toMatchObject({ fileVersion: 'brain.Event:2' });
    expect(events[1]).toMatchObject({ session: 1, step: 0 });
    expect(Math.abs(events[0]!.wallTime - Date.now() / 1000)).toBeLessThan(3600);
  });

  it('writes what the metrics tell, step by step', async () => {
    const steps = (await readMetrics(at('run', 'metrics.jsonl'))).filter((line) => line.kind === 'step');
    const written = events.filter(({ values }) => 'train/loss' in values);
    expect(written.map(({ step }) => step)).toEqual([1, 2, 3]);
    for (const [i, { values }] of written.entries()) {
      const { loss, pairs, lr, lr_beta, gradient_norm: norm, step_seconds, data_seconds } = steps[i]!;
      const expected = [loss, pairs, lr, lr_beta, 4 / (step_seconds + data_seconds), norm].map((x) =>
        Math.fround(x as number),
      );
      const tags = ['loss', 'pairs', 'learning_rate', 'learning_rate_beta', 'images_per_second', 'gradient_norm'];
      expect(tags.map((tag) => values[`train/${tag}`])).toEqual(expected);
    }
  });

  it('writes Recall@k, beta, distances and a picture of retrievals at each evaluation', async () => {
    const recall = (await readMetrics(at('run', 'metrics.jsonl'))).filter((line) => line.kind === 'eval');
    const written = events.filter(({ values }) => 'val/recall_at_1' in values);
    expect(written.map(({ step }) => step)).toEqual([0, 3]);
    expect(written.map(({ values }) => values['val/recall_at_4'])).toEqual(
      recall.map((line) => Math.fround(line.recall['4']!)),
    );
    expect(written[0]!.values['train/beta']).toMatchObject({ num: 4, counts: [4] });
    const shown = events.filter(({ values }) => 'val/retrievals' in values);
    for (const { values } of shown) {
      for (const kind of ['positive', 'negative']) {
        const { num, counts, min, max } = values[`val/distance_${kind}`] as {
          num: number;
          counts: number[];
          min: number;
          max: number;
        };
        expect(counts.reduce((a, b) => a + b)).toBe(num);
        expect(min).toBeGreaterThanOrEqual(0);
        expect(max).toBeLessThanOrEqual(2.0001);
      }
      const { png, width, height } = values['val/retrievals'] as { png: Uint8Array; width: number; height: number };
      expect(await sharp(png).metadata()).toMatchObject({ format: 'png', width, height });
    }
    expect(shown).toHaveLength(2);
  });

  it('adds a file when it is resumed, from whose step on the earlier one does not count', async () => {
    await trainSmall({ ...run(), epochs: 2, resume: at('run', 'checkpoint.safetensors') });
    const files = await filesOf();
    expect(files).toHaveLength(2);
    const added = readEvents(await readFile(at('run', files[1]!)));
    expect(added[1]).toMatchObject({ session: 1, step: 4 });
    expect(added.filter(({ values }) => 'train/loss' in values).map(({ step }) => step)).toEqual([4, 5, 6]);
  });
});
