/**
 * Files that are written for a batch of their own, with its size among the numbers of their Reshapes, taken for another. A Reshape keeps the
 * order of elements, and with it how many lie outside of the batch: that, and not an axis, is what tells where the batch is afterwards.
 */
import type { Dim, Shape } from '../onnx/types.js';
import { dividedBy, product, times } from './batch-sizes.js';

/** Where the batch is in a shape: on which axis, and how many rows of that axis lie outside of it. */
export interface BatchPlace {
  axis: number;
  outside: number;
}

const count = (dims: Shape): number => product(dims) as number;

/**
 * Of a batch of one image, more than one axis may have come: one that is as long as the batch, then any but the last, which has features, then the
 * end of the axis in front.
 */
function placeIn(after: readonly number[], outside: number, fileBatch: number): BatchPlace | undefined {
  const starts = after.flatMap((_, i) => (count(after.slice(0, i)) === outside ? [i] : []));
  const inner = starts.filter((i) => i < after.length - 1);
  const axis = inner.find((i) => after[i] === fileBatch) ?? inner.at(-1);
  if (axis !== undefined) return { axis, outside: 1 };
  const [last] = starts;
  if (last !== undefined) return last === 0 ? { axis: 0, outside: 1 } : { axis: last - 1, outside: after[last - 1]! };
  const within = after.findIndex((dim, i) => {
    const before = count(after.slice(0, i));
    return before < outside && outside < before * dim && outside % before === 0 && dim % (outside / before) === 0;
  });
  return within < 0 ? undefined : { axis: within, outside: outside / count(after.slice(0, within)) };
}

export class OtherBatch {
  /** Rows of the batch's axis that lie outside of it, by tensor, where these are any. */
  private readonly outside = new Map<string, number>();

  /** @param shapes of the file's tensors, for its own batch */
  constructor(
    private readonly shapes: ReadonlyMap<string, Shape>,
    private readonly fileBatch: number,
  ) {}

  shapeOf(name: string): Shape | undefined {
    return this.shapes.get(name);
  }

  /** The outputs of a node have the batch as its inputs do, but for a Reshape's. */
  pass(inputs: readonly string[], outputs: readonly string[]): void {
    const from = inputs.find((name) => this.outside.has(name));
    if (from !== undefined) for (const name of outputs) this.outside.set(name, this.outside.get(from)!);
  }

  /**
   * The shape of a Reshape's output.
   *
   * @param now the input's, for the present batch
   * @throws Error where the batch has no place in it
   */
  reshaped(input: string, output: string, now: Shape): Dim[] | undefined {
    const [before, after] = [this.shapes.get(input), this.shapes.get(output)] as [number[]?, number[]?];
    if (!before || !after) return undefined;
    const axis = before.findIndex((dim, i) => dim !== now[i]);
    if (axis < 0) return [...after];
    const place = placeIn(after, count(before.slice(0, axis)) * (this.outside.get(input) ?? 1), this.fileBatch);
    if (!place) throw new Error(`it is written for a batch of its own, which has no place in [${after.join(', ')}]`);
    if (place.outside === 1) this.outside.delete(output);
    else this.outside.set(output, place.outside);
    const scaled = dividedBy(times(after[place.axis]!, now[axis]!), before[axis]!);
    return (after as Dim[]).with(place.axis, scaled);
  }
}
