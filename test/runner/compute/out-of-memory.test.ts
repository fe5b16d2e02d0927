import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/runner/base/errors.js';
import { memoryError } from '../../../src/runner/compute/out-of-memory.js';

describe('an error of', () => {
  it.each([
    ['V8', new RangeError('Array buffer allocation failed')],
    ['a message between threads', new DOMException('Data cannot be cloned, out of memory.', 'DataCloneError')],
    ['C++', new Error('std::bad_alloc')],
    ['ONNX Runtime', new Error('bfc_arena.cc:376 Failed to allocate memory for requested buffer of size 4096')],
    ['CUDA', new Error('CUDA failure 2: out of memory')],
  ])('%s tells of too little memory', (_, error) => {
    const told = memoryError(error, 'train_loop on cpu');
    expect(told).toBeInstanceOf(UserError);
    expect(told!.message).toMatch(
      /^train_loop on cpu: not enough memory\. Lower --batch-size, --micro-batch or --image-size, or take a smaller --model\./,
    );
    expect(told!.cause).toBe(error);
    expect(memoryError(error)!.message).toMatch(/^not enough memory\. /);
  });

  it('another kind, or one in words already, does not', () => {
    expect(memoryError(new RangeError('Invalid array length'))).toBeUndefined();
    expect(memoryError(new UserError('train_loop on cpu: not enough memory. (std::bad_alloc)'))).toBeUndefined();
  });
});
