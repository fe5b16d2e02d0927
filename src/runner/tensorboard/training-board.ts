/** A training as TensorBoard shows it. */
import type { StepMetrics } from '../metrics.js';
import type { Recall } from '../retrieval.js';
import { pairDistances } from './distances.js';
import { EventFile } from './event-file.js';
import type { EmbeddedImages } from './retrieval-picture.js';
import { retrievalPicture } from './retrieval-picture.js';
import type { SummaryValue } from './schema.js';
import { histogram, scalar } from './summaries.js';

/** The scalars of a step. @param batchSize images a step */
function stepValues(step: StepMetrics, batchSize: number): SummaryValue[] {
  const { loss, pairs, lr, lr_beta: lrBeta, step_seconds, data_seconds, gradient_norm: norm } = step;
  return [
    scalar('train/loss', loss ?? NaN),
    scalar('train/pairs', pairs),
    scalar('train/learning_rate', lr),
    scalar('train/learning_rate_beta', lrBeta),
    scalar('train/images_per_second', batchSize / (step_seconds + data_seconds)),
    ...(norm === undefined ? [] : [scalar('train/gradient_norm', norm ?? NaN)]),
  ];
}

export class TrainingBoard {
  private constructor(
    private readonly folder: string,
    private file: EventFile,
  ) {}

  /**
   * @param folder the run's
   * @param step steps done; values of earlier files after it do not count any more
   * @throws UserError when a file can't be written
   */
  static async open(folder: string, step: number): Promise<TrainingBoard> {
    return new TrainingBoard(folder, await EventFile.open(folder, step === 0 ? 0 : step + 1));
  }

  /** Loss, pairs, learning rates, images a second and where it is known the gradient's norm. */
  async steps(steps: readonly StepMetrics[], batchSize: number): Promise<void> {
    await this.file.write(steps.map((step) => ({ step: step.step, values: stepValues(step, batchSize) })));
  }

  /** The distances of pairs of the validation images, and a picture of some retrievals. */
  async embeddings(step: number, images: EmbeddedImages): Promise<void> {
    const { embeddings, set } = images;
    const labels = set.images.map(({ label }) => label);
    const { positive, negative } = pairDistances(embeddings, embeddings.length / labels.length, labels);
    const distances = Object.entries({ positive, negative }).filter(([, values]) => values.length > 0);
    const values = distances.map(([kind, values]) => histogram(`val/distance_${kind}`, values));
    await this.file.write([
      { step, values: [...values, { tag: 'val/retrievals', image: await retrievalPicture(images) }] },
    ]);
  }

  /** Recall@k, and the distribution of beta over the classes. */
  async evaluation(step: number, recall: Recall, beta: Float32Array): Promise<void> {
    const values = Object.entries(recall).map(([k, value]) => scalar(`val/recall_at_${k}`, value));
    await this.file.write([{ step, values: [...values, histogram('train/beta', beta)] }]);
  }

  /** The run goes on from an earlier step. */
  async goBack(step: number): Promise<void> {
    await this.close();
    this.file = await EventFile.open(this.folder, step + 1);
  }

  close(): Promise<void> {
    return this.file.close();
  }
}
