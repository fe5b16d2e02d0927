/**
 * npm run bench -- damaged [--files 10000] [--workers 4]
 *
 * An image folder of which 1 % is damaged or odd in every way that a file can be: what `dws check` finds of it, and whether
 * a training refuses it or leaves it out, with the peak memory of each. Linux only. Prints Markdown; exit code 1 when
 * something was not found, or a process ended otherwise than it should.
 */
import { chmod, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { printableName } from '../../src/runner/base/printable-name.js';
import type { Survey } from '../../src/runner/survey/survey.js';
import type { Finished } from '../measured.js';
import { measuredDws } from '../measured.js';
import type { Damage, Written } from './damage.js';
import { damages, forbidden, makeBombs, writeDamagedFolder } from './damage.js';

/** Root may read everything; the checks run as nobody then. */
const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};

const dws = (args: readonly string[]): Promise<Finished> => measuredDws(args, nobody);

const kindOf = ({ expected }: Damage) => ('bad' in expected ? expected.bad : expected.unusual);

/** Rows of the table: what was placed, and how many of each were found as what they are. */
function found(root: string, written: Written, survey: Survey): { damage: Damage; placed: number; found: number }[] {
  const splits = Object.values(survey.splits);
  const kinds = new Map<string, readonly string[]>([
    ...splits.flatMap(({ bad }) => bad.map((image) => [image.path, [image.kind]] as const)),
    ...splits.flatMap(({ unusual }) => unusual.map((image) => [image.path, image.kinds] as const)),
  ]);
  return [...new Set(written.damaged.map(({ damage }) => damage))].map((damage) => {
    const placed = written.damaged.filter((each) => each.damage === damage);
    const right = placed.filter(({ file }) => kinds.get(path.join(root, file))?.includes(kindOf(damage)));
    return { damage, placed: placed.length, found: right.length };
  });
}

const measured = ({ code, seconds, peakMib }: Finished) =>
  `exit code ${code}, ${seconds.toFixed(1)} s, peak ${peakMib.toFixed(0)} MiB`;

/** Lines for Markdown, from the first that matches on. */
const quote = (text: string, first: RegExp, lines: number): string => {
  const all = text.trim().split('\n');
  const start = all.findIndex((line) => first.test(line));
  return all
    .slice(start, start + lines)
    .map((line) => `    ${line}`)
    .join('\n');
};

export async function benchDamaged(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      files: { type: 'string', default: '10000' },
      workers: { type: 'string', default: '4' },
    },
  });
  const files = Number(values.files);
  const root = await mkdtemp(path.join(tmpdir(), 'dws-damaged-'));
  try {
    await chmod(root, 0o755);
    const out = path.join(root, 'out');
    await mkdir(out);
    await chmod(out, 0o777);
    const data = path.join(root, 'data');
    const list = [...damages, forbidden, ...(await makeBombs(root))];
    const count = Math.round(files / 100);
    const written = await writeDamagedFolder(data, { files, imagesAClass: 10, count, list });
    console.log(
      `${written.images} files, ${written.damaged.length} of them damaged or odd, ${values.workers} workers\n`,
    );

    const workers = ['--workers', values.workers];
    const check = await dws(['check', data, '--json', '--list', path.join(out, 'bad.txt'), ...workers]);
    const survey = JSON.parse(check.stdout) as Survey;
    const rows = found(data, written, survey);
    const listed = (await readFile(path.join(out, 'bad.txt'), 'utf8')).trim().split('\n').length;
    const bad = rows.reduce((sum, row) => sum + ('bad' in row.damage.expected ? row.placed : 0), 0);
    console.log(`\`dws check\`: ${measured(check)}; ${listed} paths in --list\n`);
    console.log('| file | placed | found | as |\n| --- | --- | --- | --- |');
    for (const row of rows) {
      const as =
        'bad' in row.damage.expected ? `cannot be read, ${kindOf(row.damage)}` : `unusual, ${kindOf(row.damage)}`;
      console.log(`| \`${printableName(row.damage.name)}\` | ${row.placed} | ${row.found} | ${as} |`);
    }

    const network = ['--model', 'resnet18', '--image-size', '32', '--batch-size', '20', '--batch-k', '5'];
    const short = (text: string) => text.replaceAll(root, '...');
    const training = ['train', '--data-path', data, ...network, '--epochs', '1', '--batch-num', '3', ...workers];
    const refused = await dws([...training, '--out', path.join(out, 'refused')]);
    console.log(`\n\`dws train\`: ${measured(refused)}\n\n${quote(short(refused.stderr), /^dws: /, 12)}`);
    const skipped = await dws([...training, '--out', path.join(out, 'skipped'), '--skip-bad']);
    console.log(`\n\`dws train --skip-bad\`: ${measured(skipped)}\n\n${quote(short(skipped.stdout), /^note: /, 15)}`);

    const asExpected =
      rows.every((row) => row.found === row.placed) &&
      [check.code, refused.code, skipped.code].join() === '1,1,0' &&
      listed === bad &&
      skipped.stdout.includes(`${bad} images cannot be read and are left out`);
    if (!asExpected) throw new Error(`not as expected; stderr of the last training:\n${skipped.stderr}`);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
