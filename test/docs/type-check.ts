/** All TypeScript of all pages in one program, checked as strictly as the project itself. */
import path from 'node:path';
import ts from 'typescript';
import type { Block } from './blocks.js';
import { typescript } from './blocks.js';
import type { Workspace } from './workspace.js';
import { fileOf } from './workspace.js';

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  moduleDetection: ts.ModuleDetectionKind.Force,
  lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts', 'lib.dom.asynciterable.d.ts'],
  types: ['node'],
  strict: true,
  noUncheckedIndexedAccess: true,
  noImplicitOverride: true,
  verbatimModuleSyntax: true,
  allowImportingTsExtensions: true,
  skipLibCheck: true,
  noEmit: true,
};

/** One line for each error, beginning with PAGE:LINE. */
export function typeErrors({ root, folderOf }: Workspace, blocks: readonly Block[]): string[] {
  const checked = blocks.filter(
    ({ language, mark }) => typescript.includes(language) && ['run', 'compile', 'file'].includes(mark.kind),
  );
  const files = new Map(checked.map((block) => [path.join(folderOf(block.page), fileOf(block)), block]));
  const program = ts.createProgram([...files.keys()], {
    ...options,
    typeRoots: [path.join(root, 'node_modules', '@types')],
  });
  const found = ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const text = ts.flattenDiagnosticMessageText(messageText, '\n');
    const block = file && files.get(path.normalize(file.fileName));
    if (!block) return { place: 0, message: `${file?.fileName ?? 'options'}: ${text}` };
    const line = block.line + file.getLineAndCharacterOfPosition(start!).line;
    return { place: checked.indexOf(block), message: `${block.page}:${line}: ${text}` };
  });
  return found.sort((a, b) => a.place - b.place).map(({ message }) => message);
}
