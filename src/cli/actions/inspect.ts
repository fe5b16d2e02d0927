/** `dws inspect`. */
import { elementCount } from '../../graph/onnx/types.js';
import { printable } from '../../runner/base/printable.js';
import { sizeText } from '../../runner/base/size-text.js';
import type { InspectOptions, Inspection } from '../../runner/jobs/inspect-model.js';
import { inspectModel } from '../../runner/jobs/inspect-model.js';
import { count, wrap } from '../format.js';
import { terminal } from '../terminal.js';

/** Columns before what is told. */
const indent = 12;
const width = 110;
const mostShown = 20;
/** Of a reason, in characters. */
const longest = 400;

const advice = 'Take features from a tensor in front of it with --features NAME, or export the network in another way.';

const line = (name: string, told: string): string =>
  name.padEnd(indent) + wrap(told, width - indent).join(`\n${' '.repeat(indent)}`);

const shapeText = (shape: readonly (number | undefined)[] | undefined): string =>
  shape ? `[${shape.map((dim) => dim ?? '?').join(', ')}]` : '(of any rank)';

/** `161 tensors, 23,454,912 values, 93.8 MB` */
function amount(tensors: Inspection['tensors']): string {
  const values = tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  return `${count(tensors.length)} tensors, ${count(values)} values, ${sizeText(4 * values)}`;
}

const roleTexts = {
  trained: 'learns',
  statistic: 'statistics',
  constant: 'constants',
} as const;

function report(found: Inspection, file: string, listsTensors: boolean): string[] {
  const { producer, opset, inputs, outputs, operators, tensors, target, width: features, imageSize, obstacles } = found;
  const read = tensors.filter(({ isRead }) => isRead);
  const roles = (['trained', 'statistic', 'constant'] as const).flatMap((role) => {
    const some = read.filter((one) => one.role === role);
    const long = role !== 'constant' || some.some(({ shape }) => elementCount(shape) > 1);
    return some.length > 0 && long ? [line(roleTexts[role], amount(some))] : [];
  });
  const unread = tensors.length - read.length;
  const list = listsTensors
    ? [
        '',
        ...tensors.map(
          ({ name, shape, role, because }) =>
            `  ${role.padEnd(10)}${printable(name)} ${shapeText(shape)}  ${printable(because)}`,
        ),
      ]
    : [];
  const shown = obstacles.slice(0, mostShown);
  return [
    line('file', `${file}, opset ${opset}${producer === '' ? '' : `, written by ${printable(producer)}`}`),
    line('inputs', inputs.map(({ name, shape }) => `${printable(name)} ${shapeText(shape)}`).join(', ') || 'none'),
    line('outputs', outputs.map(printable).join(', ') || 'none'),
    line('operators', operators.map(([operator, times]) => `${operator}\u00a0${times}`).join(', ')),
    ...roles,
    ...(unread > 0
      ? [line('unread', `${count(unread)} tensors that ${printable(target ?? 'the features')} is not made of`)]
      : []),
    ...(features === undefined
      ? []
      : [line('features', `${printable(target!)}, ${count(features)} wide, of images of ${imageSize} px`)]),
    ...list,
    '',
    ...(obstacles.length === 0
      ? [`It can be trained: dws train --model ${file} --data-path DATA`]
      : [
          'In the way:',
          ...shown.map(
            ({ node, operator, reason }) =>
              `  ${node === '' ? '' : `${printable(node)} (${operator}): `}${reason.slice(0, longest).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?')}`,
          ),
          ...(obstacles.length > shown.length
            ? [`  and ${obstacles.length - shown.length} more (--json lists all)`]
            : []),
          ...(obstacles.some(({ node }) => node !== '') ? [advice] : []),
        ]),
  ];
}

interface InspectValues extends InspectOptions {
  tensors: boolean;
  json: boolean;
}

/** @returns the program's exit code: 1 where something stands in the way */
export async function inspect(file: string, { tensors, json, ...options }: InspectValues): Promise<number> {
  const found = await inspectModel(file, options);
  if (json) terminal.print(JSON.stringify(found, undefined, 2));
  else for (const text of report(found, file, tensors)) terminal.print(text);
  return found.obstacles.length > 0 ? 1 : 0;
}
