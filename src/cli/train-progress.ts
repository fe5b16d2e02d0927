/** A training's events as lines for people. */
import { sizeText } from '../runner/base/size-text.js';
import type { ModuleSources } from '../runner/modules/kinds.js';
import { partLabel } from '../runner/modules/kinds.js';
import type { TrainEvent, TrainResult } from '../runner/training/events.js';
import { batchText, count, counted, duration, evalStages, placeText, recallTable, splitsText } from './format.js';
import type { Terminal } from './terminal.js';
import { TimeLeft } from './time-left.js';

type Steps = Extract<TrainEvent, { kind: 'steps' }>;
type Handlers = { [Kind in TrainEvent['kind']]: (event: Extract<TrainEvent, { kind: Kind }>) => void };

/** The share of the time that waiting for images may take before a note says so. */
const WAITING_SHARE = 0.25;
/** Steps before such a note: the first images are always waited for. */
const STEPS_BEFORE_NOTE = 20;

export interface TrainProgressOptions {
  model: string;
  /** Files that bring parts. */
  modules?: ModuleSources;
  imageSize: number;
  batchSize: number;
  /** Processes that share a batch. */
  ranks?: number;
  epochs: number;
  /** Steps between two lines where no line can be rewritten. */
  printFreq: number;
  out: string;
}

/** A count without digits behind the point, anything else with three that tell something. */
const shortNumber = (name: string, value: number): string =>
  name === 'pairs' || Number.isInteger(value) ? value.toFixed(0) : value.toPrecision(3);

/** What there is to say of some steps; epochs and steps are counted from 1 for people. */
function stepsTexts(event: Steps, { batchSize, epochs }: TrainProgressOptions) {
  const { epoch, stepsDone, stepsPerEpoch, loss, statistics, stepSeconds, dataSeconds, gradientNorm, scaling } = event;
  return {
    place: [`epoch ${epoch + 1}/${epochs}`, `step ${stepsDone}/${stepsPerEpoch}`],
    loss: `loss ${loss.toFixed(4)}`,
    norm: gradientNorm === undefined ? [] : [`gradient ${gradientNorm.toPrecision(3)}`],
    scaling: scaling ? [`scale ${scaling.lossScale}`, `left out ${scaling.leftOut}`] : [],
    statistics: Object.entries(statistics).map(
      ([name, value]) => `${name.replaceAll('_', ' ')} ${shortNumber(name, value)}`,
    ),
    speed: `${(batchSize / (stepSeconds + dataSeconds)).toFixed(0)} images/s`,
    times: [`step ${duration(stepSeconds)}`, `data ${duration(dataSeconds)}`],
  };
}

/** Why steps were left out. */
const leftOutTexts = ({ overflow, notFinite }: NonNullable<TrainResult['leftOut']>): string[] =>
  [
    { steps: overflow, why: 'a scaled gradient beyond float16 (--precision fp16)' },
    { steps: notFinite, why: 'a loss or gradient that was not finite' },
  ].flatMap(({ steps, why }) => (steps > 0 ? [`${counted(steps, 'step')}, for ${why}`] : []));

/** 0.3834 -> .383 */
const short = (recall: number): string => recall.toFixed(3).replace(/^0/, '');

export class TrainProgress {
  private readonly started = performance.now();
  private readonly timeLeft = new TimeLeft();
  /** Parts of the live line, the most wanted ones first. */
  private line = ['starting'];
  private phase = '';
  private recallAt1: number | undefined;
  private best: number | undefined;
  private untrained: number | undefined;
  private isBegun = false;
  private isResumed = false;
  /** The step of the last line where lines stay. */
  private printed = -Infinity;
  private readonly waited = { steps: 0, seconds: 0, dataSeconds: 0, told: false };

  constructor(
    private readonly terminal: Terminal,
    private readonly options: TrainProgressOptions,
  ) {}

  readonly handle = (event: TrainEvent): void => {
    (this.handlers[event.kind] as (event: TrainEvent) => void)(event);
    this.redraw();
  };

  /** Tells where the files are. */
  finish({ status, epoch, step, best, leftOut, files }: TrainResult): void {
    const took = duration((performance.now() - this.started) / 1000);
    const done = status === 'done' ? 'done' : status === 'time-up' ? 'stopped as --max-hours asks,' : 'stopped';
    // Epochs and steps are those of the whole run, the time is that of this process.
    const time = this.isResumed ? `${took} since it was resumed` : took;
    this.terminal.print(`${done} after ${counted(epoch, 'epoch')}, ${counted(step, 'step')}, ${time}`);
    for (const line of leftOut ? leftOutTexts(leftOut) : []) this.terminal.print(`  left out    ${line}`);
    if (files.checkpoint) this.terminal.print(`  to go on    ${files.checkpoint}`);
    if (best && files.best) this.terminal.print(`  best        ${files.best} (Recall@1 ${best.recall.toFixed(4)})`);
    if (files.metrics) this.terminal.print(`  metrics     ${files.metrics}`);
  }

  private readonly handlers: Handlers = {
    'check-progress': ({ split, done, total }) => {
      this.enter(`checking images of ${split}`, done, total);
    },
    'download-progress': ({ file, done, total }) => {
      this.enter(`downloading ${file}`, done, total, sizeText);
    },
    start: ({
      val,
      stepsPerEpoch,
      epochs,
      paramCount,
      device,
      precision,
      microBatch,
      resumedFrom,
      best,
      before,
      ...train
    }) => {
      const { model, modules, imageSize, batchSize, ranks, out } = this.options;
      this.print(
        `network  ${partLabel(model, modules?.backbone)} at ${imageSize} px, ${count(paramCount)} parameters, ${placeText({ device, precision })}`,
      );
      this.print(`data     ${splitsText(train, val)}`);
      this.print(
        `plan     ${counted(epochs, 'epoch')} of ${counted(stepsPerEpoch, 'step')} of ${batchText({ batchSize, microBatch, ranks })}, drawn at random`,
      );
      this.print(`output   ${out}`);
      this.line = ['starting'];
      this.isBegun = true;
      this.best = best?.recall;
      this.untrained = before?.[1];
      this.isResumed = resumedFrom !== undefined;
      if (resumedFrom)
        this.print(`resumed  after ${counted(resumedFrom.epoch, 'epoch')}, ${counted(resumedFrom.step, 'step')}`);
    },
    steps: (event) => {
      this.timeLeft.steps(event);
      const { place, loss, norm, scaling, statistics, speed, times } = stepsTexts(event, this.options);
      const left = this.isBegun ? [`left ${duration(this.timeLeft.after(event, this.options.epochs))}`] : [];
      this.line = [
        [...place, loss].join('  '),
        ...left,
        ...this.recallText(),
        speed,
        ...statistics,
        ...norm,
        ...scaling,
      ];
      const isDue = event.step - this.printed >= this.options.printFreq || event.stepsDone === event.stepsPerEpoch;
      if (isDue && !this.terminal.live) {
        this.printed = event.step;
        this.print([...place, loss, ...norm, ...scaling, ...statistics, speed, ...times, ...left].join('  '));
      }
      this.noteWaiting(event);
    },
    'eval-progress': ({ stage, done, total }) => {
      this.enter(`evaluating: ${evalStages[stage]}`, done, total);
    },
    eval: ({ epoch, step, recall, seconds }) => {
      this.recallAt1 = recall[1];
      // The untrained network's is no checkpoint's.
      if (step > 0) this.best = Math.max(this.best ?? 0, recall[1]!);
      else this.untrained = recall[1];
      this.timeLeft.evaluated(seconds);
      this.phase = '';
      this.line = ['training', ...this.recallText()];
      this.print(recallTable(step === 0 ? 'before training' : `after epoch ${epoch + 1}`, recall));
      this.print(this.terminal.dim(`evaluated in ${duration(seconds)}`));
    },
    checkpoint: ({ path, best }) =>
      this.print(this.terminal.dim(`saved ${path}${best ? ` (${this.bestText()})` : ''}`)),
    note: ({ message }) => this.print(`note: ${message}`),
    advice: ({ message }) => this.print(`note: ${message}`),
    heartbeat: () => undefined,
  };

  private bestText(): string {
    const { best, untrained } = this;
    const isBetter = best === undefined || untrained === undefined || best > untrained;
    return isBetter ? 'best so far' : `best so far, but not better than the ${short(untrained)} before training`;
  }

  /** Shows how far a phase is; where lines stay, only that it begins. */
  private enter(phase: string, done: number, total: number, text = count): void {
    if (phase !== this.phase && !this.terminal.live) this.print(`${phase} ...`);
    this.phase = phase;
    this.line = [`${phase} ${text(done)}/${text(total)}`, ...this.recallText()];
  }

  private recallText(): string[] {
    const { recallAt1, best } = this;
    const parts = [
      recallAt1 === undefined ? [] : short(recallAt1),
      best === undefined ? [] : `best ${short(best)}`,
    ].flat();
    return parts.length > 0 ? [`Recall@1 ${parts.join(' ')}`] : [];
  }

  private print(text: string): void {
    this.terminal.print(text);
  }

  /** Says once when the training waits for its images. */
  private noteWaiting({ stepSeconds, dataSeconds, stepsPerRun }: Steps): void {
    const { waited } = this;
    waited.steps += stepsPerRun;
    waited.seconds += stepsPerRun * (stepSeconds + dataSeconds);
    waited.dataSeconds += stepsPerRun * dataSeconds;
    const share = waited.dataSeconds / waited.seconds;
    if (waited.told || waited.steps < STEPS_BEFORE_NOTE || share < WAITING_SHARE) return;
    waited.told = true;
    this.print(
      `note: ${(100 * share).toFixed(0)} % of the time goes into waiting for images. --cache ram keeps them decoded in ` +
        `memory; --workers decodes with more threads.`,
    );
  }

  private redraw(): void {
    this.terminal.status(...this.line, `since ${duration((performance.now() - this.started) / 1000)}`);
  }
}
