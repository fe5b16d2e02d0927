/** Where a file can't be parsed: V8 tells the line only to the terminal. `node --check` runs nothing. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The place, `FILE:LINE`, and V8's reason; undefined for a file that it can parse, or does not look at. */
export async function syntaxErrorIn(file: string): Promise<{ place: string; reason: string | undefined } | undefined> {
  const said = await run(process.execPath, ['--check', file]).then(
    () => '',
    ({ stderr }: { stderr?: string }) => stderr ?? '',
  );
  const line = /:(\d+)$/m.exec(said.split('\n')[0]!)?.[1];
  const reason = /^SyntaxError: (.+)$/m.exec(said)?.[1];
  return line === undefined ? undefined : { place: `${file}:${line}`, reason };
}
