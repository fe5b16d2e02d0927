import { Worker } from 'node:worker_threads';
import { describe, expect, it, vi } from 'vitest';
import { benchOptions } from '../../../bench/training.js';
import { ComputeThread } from '../../../src/runner/compute/thread.js';

const cpu = { device: 'cpu', deviceId: 0, threads: 1 } as const;

async function withThread(body: (thread: ComputeThread) => Promise<void>): Promise<void> {
  const thread = new ComputeThread(cpu);
  try {
    await body(thread);
  } finally {
    await thread.close();
  }
}

const gallery = {
  gallery: { data: Float64Array.of(0, 1, 3), dims: [3, 1] },
  gallery_ids: { data: Int32Array.of(0, 1, 2), dims: [1, 3] },
};
const query = {
  queries: { data: Float64Array.of(2.5), dims: [1, 1] },
  query_ids: { data: Int32Array.of(-1), dims: [1, 1] },
};

describe('ComputeThread', () => {
  it('runs a graph on what is given and what is held', () =>
    withThread(async (thread) => {
      await thread.open('retrieval', { dim: 1, k: 2 });
      await thread.hold(gallery);
      const { outputs, seconds } = await thread.run('retrieval', query);
      expect([...outputs['indices']!.data]).toEqual([2, 1]);
      expect([...outputs['distances']!.data]).toEqual([0.25, 2.25]);
      expect(outputs['indices']!.dims).toEqual([1, 2]);
      expect(seconds).toBeGreaterThan(0);
    }));

  it('reads held tensors back, unchanged by that', () =>
    withThread(async (thread) => {
      const params = Float32Array.of(0, 1, 3);
      await thread.hold({ params: { data: params, dims: [3] } });
      for (let times = 0; times < 2; times++) {
        expect(await thread.read(['params'])).toEqual({ params });
      }
    }));

  it('names the graph and the input in its errors, and goes on', () =>
    withThread(async (thread) => {
      await expect(thread.run('retrieval', query)).rejects.toThrow('retrieval is not open');
      await thread.open('retrieval', { dim: 1, k: 2 });
      await expect(thread.run('retrieval', query)).rejects.toThrow(
        'retrieval on cpu: input gallery is neither given nor held',
      );
      await thread.hold(gallery);
      await thread.open('retrieval', { dim: 1, k: 9 });
      await expect(thread.run('retrieval', query)).rejects.toThrow(/^retrieval on cpu: .*TopK/s);
      await thread.open('retrieval', { dim: 1, k: 1 });
      expect([...(await thread.run('retrieval', query)).outputs['indices']!.data]).toEqual([2]);
    }));

  it('tells before a session is opened that a tensor is larger than CUDA counts', async () => {
    const thread = new ComputeThread({ ...cpu, device: 'cuda' });
    const { featDim, embedDim } = { featDim: 16, embedDim: 8 };
    const options = benchOptions({
      ...{
        model: 'vgg11',
        imageSize: 224,
        batchSize: 680,
        batchK: 5,
        classes: 136,
        optimizer: 'sgd',
        provider: 'cuda',
      },
    });
    await expect(thread.open('train_loop', { ...options, featDim, embedDim })).rejects.toThrow(
      /^train_loop on cuda: \w+ at base_net.* would make a tensor of \[680, 64, 224, 224\], .*Lower --batch-size or --image-size\.$/,
    );
    await thread.close();
  });

  it('tells of memory that has run out on the way to the thread, and goes on', () =>
    withThread(async (thread) => {
      await thread.open('retrieval', { dim: 1, k: 2 });
      await thread.hold(gallery);
      // As Node.js 26 says it for an image batch larger than what is free.
      const full = new DOMException('Data cannot be cloned, out of memory.', 'DataCloneError');
      const post = vi.spyOn(Worker.prototype, 'postMessage').mockImplementationOnce(() => {
        throw full;
      });
      await expect(thread.run('retrieval', query)).rejects.toThrow(
        /^retrieval on cpu: not enough memory\. Lower --batch-size .* \(Data cannot be cloned, out of memory\.\)$/,
      );
      post.mockRestore();
      expect((await thread.run('retrieval', query)).outputs['indices']!.dims).toEqual([1, 2]);
    }));

  it('rejects calls that come after its end', async () => {
    const thread = new ComputeThread(cpu);
    await thread.close();
    await expect(thread.read([])).rejects.toThrow('the compute thread has ended');
  });
});
