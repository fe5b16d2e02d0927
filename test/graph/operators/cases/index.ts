/** For each operator of the table how its random cases are drawn: a new row without one does not pass the type check. */
import type { OperatorName } from '../../../../src/graph/onnx/names.js';
import type { Generate } from './draw.js';
import { einsums } from './einsum.js';
import { elementwise } from './elementwise.js';
import { normalizations } from './normalizations.js';
import { resizes } from './resize.js';
import { rows } from './rows.js';
import { shapes } from './shapes.js';
import { windows } from './windows.js';

export const generators: Readonly<Record<OperatorName, Generate>> = {
  ...einsums,
  ...elementwise,
  ...normalizations,
  ...resizes,
  ...rows,
  ...shapes,
  ...windows,
};
