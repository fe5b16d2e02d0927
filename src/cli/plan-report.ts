/** What `dws train --plan` prints. */
import { sizeText } from '../runner/base/size-text.js';
import type { TrainingForecast } from '../runner/jobs/plan-training.js';
import { printableName } from '../runner/base/printable-name.js';
import { batchText, count, counted, duration, placeText, splitsText } from './format.js';

/** Not even one checkpoint can be written. */
export const lacksRoom = ({ disk: { free, checkpoint } }: TrainingForecast): boolean =>
  free !== undefined && free < checkpoint;

function diskText({ disk }: TrainingForecast): string {
  const { checkpoint, checkpoints, most, free, folder } = disk;
  const left = free === undefined ? '' : `; ${sizeText(free)} are free for ${printableName(folder)}`;
  return `${sizeText(checkpoint)} a checkpoint, ${sizeText(checkpoints)} in all and ${sizeText(most)} while one is written${left}`;
}

function timeTexts({ seconds, steps, evaluations }: TrainingForecast): string[] {
  if (!seconds) return ['nothing is left to do'];
  const { total, step, decode, evaluation, check } = seconds;
  return [
    `about ${duration(total)}: ${counted(steps, 'step')} of ${duration(step)}, ${counted(evaluations, 'evaluation')} of ` +
      `${duration(evaluation)}, ${duration(check)} to check the images`,
    `by two steps on this machine as busy as it is; decoding a step's images takes ${duration(decode)}, beside the step before`,
  ];
}

const shortage = ({ disk: { free, checkpoint, most } }: TrainingForecast): string[] => {
  if (free === undefined || free >= most) return [];
  return free < checkpoint
    ? ['!!       the disk has no room for one checkpoint: free some space or choose another folder with --out']
    : ['!!       the disk has no room for all checkpoints: free some space or choose another folder with --out'];
};

/** @param notes what there is to say of a checkpoint to go on from */
export function planText(forecast: TrainingForecast, notes: readonly string[]): string {
  const { model, imageSize, parameters, train, val, epochs, stepsPerEpoch, advice } = forecast;
  const [time, ...more] = timeTexts(forecast);
  return [
    `network  ${model} at ${imageSize} px, ${count(parameters)} parameters, ${placeText(forecast)}`,
    `data     ${splitsText(train, val)}`,
    `plan     ${counted(epochs, 'epoch')} of ${counted(stepsPerEpoch, 'step')} of ${batchText(forecast)}`,
    `disk     ${diskText(forecast)}`,
    `time     ${time}`,
    ...more.map((line) => `         ${line}`),
    ...shortage(forecast),
    ...[...notes, ...advice].map((message) => `note: ${message}`),
    'nothing was written',
  ].join('\n');
}
