import path from 'node:path';
import type { Command } from 'commander';
import { escapedLine } from '../../runner/base/printable-name.js';
import type { SplitSurvey, Survey, SurveyStage } from '../../runner/survey/survey.js';
import { surveyData } from '../../runner/survey/survey.js';
import { writeFileAtomic } from '../../runner/base/files.js';
import { surveyText } from '../check-report.js';
import { count } from '../format.js';
import type { OptionValues } from '../options.js';
import { addExample, addOptions, optional, toggle } from '../options.js';
import { batches, imageReading, schedule, trainingData, valSplit } from '../option-tables.js';
import { path as pathOption } from '../parsers.js';
import { terminal } from '../terminal.js';

const own = {
  json: toggle('print everything as JSON'),
  list: optional('file', 'file to write the paths of bad images to, one a line', pathOption),
};

const training = {
  ...imageReading,
  ...batches,
  smallClasses: trainingData.smallClasses,
  valSplit,
  evalEvery: schedule.evalEvery,
};

const stages: Record<SurveyStage, string> = {
  check: 'decoding images',
  headers: 'reading headers',
  duplicates: 'comparing files',
};

const splitsOf = ({ splits }: Survey): SplitSurvey[] => Object.values(splits);

export function addCheck(program: Command): void {
  const command = program
    .command('check')
    .description('find what would stop a training, and what is unusual, in its images: decodes every one')
    .argument('<data>', 'what --data-path of a training takes');
  addOptions(command, 'Options:', own);
  addOptions(command, 'As in the training:', training);
  addExample(command, 'dws check data/icons --list bad.txt');
  command.action(async (data: string, values: OptionValues<typeof own & typeof training>) => {
    const { json, list, ...options } = values;
    const survey = await surveyData(data, options, (stage, done, total) =>
      terminal.status(`${stages[stage]} ${count(done)}/${count(total)}`),
    );
    const bad = splitsOf(survey).flatMap((split) => split.bad.map((image) => image.path));
    if (list !== undefined) {
      await writeFileAtomic(path.resolve(list), bad.map((file) => `${escapedLine(file)}\n`).join(''));
    }
    terminal.print(json ? JSON.stringify(survey, null, 2) : surveyText(survey));
    if (survey.stops.length > 0) process.exitCode = 1;
  });
}
