import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WebModelInfo } from '../../src/graph/artifacts/web-model.js';
import { applyHead, fetchHead } from '../../src/web/learn-head.js';
import { normals, randomHead } from './learn-data.js';

const head = randomHead(6, 3);
const weights = head.params.subarray(0, 18);
const bias = head.params.subarray(18);

// 100 other bytes, the bias, 20 other bytes, the weight, 4000 other bytes.
const file = new Uint8Array(100 + 12 + 20 + 72 + 4000).fill(7);
file.set(new Uint8Array(bias.slice().buffer), 100);
file.set(new Uint8Array(weights.slice().buffer), 132);
const info = {
  featDim: 6,
  embedDim: 3,
  head: { weights: 'w', weight: { offset: 132, shape: [3, 6] }, bias: { offset: 100, shape: [3] } },
} as unknown as WebModelInfo;

let sent = 0;
const server = createServer((request, response) => {
  const [, mode] = request.url!.split('/');
  if (mode === 'missing') return response.writeHead(404).end();
  const whole = mode === 'short' ? file.subarray(0, 150) : file;
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range!)!;
  const body = mode === 'ranges' ? whole.subarray(Number(first), Number(last) + 1) : whole;
  sent = body.length;
  response.writeHead(mode === 'ranges' ? 206 : 200);
  // In pieces that end inside of the head.
  for (let at = 0; at < body.length; at += 37) response.write(body.subarray(at, at + 37));
  response.end();
});
const url = (mode: string) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/${mode}`;
beforeAll(() => new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve)));
afterAll(() => void server.close());

describe('fetchHead', () => {
  it.each([
    ['ranges', 104],
    ['whole', file.length],
  ])('finds weight and bias in the file (server of %s)', async (mode, bytes) => {
    expect(await fetchHead(url(mode), info)).toEqual(head);
    expect(sent).toBe(bytes);
  });

  it('says what is wrong with the file', async () => {
    await expect(fetchHead(url('missing'), info)).rejects.toMatchObject({
      code: 'network',
      message: "The model's weights can't be fetched: the server answers 404.",
    });
    await expect(fetchHead(url('short'), info)).rejects.toMatchObject({
      code: 'bad-model',
      message: expect.stringContaining('cut short') as string,
    });
  });

  it('stops when told to', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(fetchHead(url('whole'), info, { signal })).rejects.toThrow('enough');
  });
});

describe('applyHead', () => {
  it('is the normalized linear layer', () => {
    const features = normals(6, 3);
    const y = Array.from(bias, (b, i) => b + features.reduce((sum, f, j) => sum + f * weights[i * 6 + j]!, 0));
    const norm = Math.hypot(...y);
    const made = applyHead(head, features);
    y.forEach((value, i) => expect(made[i]).toBeCloseTo(value / norm, 6));
  });

  it('stays finite for an embedding of zeros', () => {
    const zeros = { ...head, params: new Float32Array(21) };
    expect([...applyHead(zeros, normals(6, 3))]).toEqual([0, 0, 0]);
  });
});
