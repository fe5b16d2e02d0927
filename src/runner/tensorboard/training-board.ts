/** A training as TensorBoard shows it. */
import type { EvalMetrics, Metrics, StepMetrics } from '../training/metrics-file.js';
import { ratesOf, statisticsOf } from '../training/metrics-file.js';
import type { OpenObserver, TrainObserver } from '../training/observer.js';
import type { TrainSetup } from '../training/setup.js';
import { pairDistances } from './distances.js';
import { EventFile } from './event-file.js';
import { retrievalPicture } from './retrieval-picture.js';
import type { SummaryValue } from './schema.js';
import { histogram, scalar } from './summaries.js';

/** The scalars of a step. @param batchSize images a step */
function stepValues(step: StepMetrics, batchSize: number): SummaryValue[] {
  const { loss, lr, step_seconds, data_seconds, gradient_norm: norm, loss_scale: scale, skipped_steps: skipped } = step;
  return [
    scalar('train/loss', loss ?? NaN),
    ...statisticsOf(step).map(([name, value]) => scalar(`train/${name}`, value ?? NaN)),
    scalar('train/learning_rate', lr),
    ...ratesOf(step).map(([name, rate]) => scalar(`train/learning_rate_${name}`, rate)),
    scalar('train/images_per_second', batchSize / (step_seconds + data_seconds)),
    ...(scale === undefined ? [] : [scalar('train/loss_scale', scale)]),
    ...(skipped === undefined ? [] : [scalar('train/skipped_steps', skipped)]),
    ...(norm === undefined ? [] : [scalar('train/gradient_norm', norm ?? NaN)]),
  ];
}

class TrainingBoard implements TrainObserver {
  private constructor(
    private readonly setup: TrainSetup,
    private file: EventFile,
  ) {}

  /** Values of earlier files after the step that the training begins at do not count any more. */
  static async open(setup: TrainSetup): Promise<TrainingBoard> {
    const { plan, start } = setup;
    return new TrainingBoard(setup, await EventFile.open(plan.output.out, start.step === 0 ? 0 : start.step + 1));
  }

  async onMetrics(lines: readonly Metrics[]): Promise<void> {
    const steps = lines.filter((line) => line.kind === 'step');
    if (steps.length > 0) await this.steps(steps);
    for (const line of lines) if (line.kind === 'eval') await this.evaluation(line);
  }

  /** The distances of pairs of the validation images, and a picture of some retrievals. */
  async onEmbeddings(step: number, embeddings: Float32Array): Promise<void> {
    const { val: set, loader } = this.setup;
    const labels = set.images.map(({ label }) => label);
    const { positive, negative } = pairDistances(embeddings, embeddings.length / labels.length, labels);
    const distances = Object.entries({ positive, negative }).filter(([, values]) => values.length > 0);
    const values = distances.map(([kind, values]) => histogram(`val/distance_${kind}`, values));
    const image = await retrievalPicture({ embeddings, set, loader });
    await this.file.write([{ step, values: [...values, { tag: 'val/retrievals', image }] }]);
  }

  async onGoBack(step: number): Promise<void> {
    await this.file.close();
    this.file = await EventFile.open(this.setup.plan.output.out, step + 1);
  }

  sync(): Promise<void> {
    return this.file.sync();
  }

  finish(): Promise<void> {
    return this.file.close();
  }

  fail(): Promise<void> {
    return this.file.close();
  }

  /** Loss and its statistics, learning rates, images a second and where it is known the gradient's norm. */
  private async steps(steps: readonly StepMetrics[]): Promise<void> {
    const { batchSize } = this.setup.training;
    await this.file.write(steps.map((step) => ({ step: step.step, values: stepValues(step, batchSize) })));
  }

  /** Recall@k, and the distribution of the loss's parameters, such as beta over the classes. */
  private async evaluation({ step, recall }: EvalMetrics): Promise<void> {
    const values = Object.entries(recall).map(([k, value]) => scalar(`val/recall_at_${k}`, value));
    const own = await this.setup.thread.read(Object.keys(this.setup.rates));
    const parameters = Object.entries(own).map(([name, value]) => histogram(`train/${name}`, value));
    await this.file.write([{ step, values: [...values, ...parameters] }]);
  }
}

/** Writes TensorBoard's files where a training's options ask for them. */
export const openBoard: OpenObserver = async (setup) =>
  setup.plan.output.tensorboard ? TrainingBoard.open(setup) : undefined;
