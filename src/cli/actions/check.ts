/** `dws check`. */
import path from 'node:path';
import { escapedLine } from '../../runner/base/printable-name.js';
import type { SplitSurvey, Survey, SurveyOptions, SurveyStage } from '../../runner/survey/survey.js';
import { surveyData } from '../../runner/survey/survey.js';
import { writeFileAtomic } from '../../runner/base/files.js';
import { surveyText } from '../check-report.js';
import { count } from '../format.js';
import { terminal } from '../terminal.js';

interface Values extends SurveyOptions {
  json: boolean;
  list: string | undefined;
}

const stages: Record<SurveyStage, string> = {
  check: 'decoding images',
  headers: 'reading headers',
  duplicates: 'comparing files',
};

const splitsOf = ({ splits }: Survey): SplitSurvey[] => Object.values(splits);

export async function check(data: string, values: Values): Promise<void> {
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
}
