// The main job on real images, in at most a quarter of an hour on two cores: `npm run quickstart`.
// Every run makes a folder of its own below runs/.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

const EPOCHS = 3;
const STEPS_PER_EPOCH = 100;
const DATA = 'data/icons';
const TRAINING = [
  ...['--model', 'resnet18', '--image-size', '64', '--batch-size', '80', '--batch-k', '5'],
  ...['--embed-dim', '128', '--feat-dim', '512', '--cache', 'ram'],
  ...['--optimizer', 'adam', '--lr', '3e-4', '--wd', '1e-4', '--lr-beta', '0.1'],
  // So few steps are all made at one learning rate.
  ...['--epochs', String(EPOCHS), '--batch-num', String(STEPS_PER_EPOCH), '--steps', ''],
];

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

// Ctrl-C reaches the running command too, which saves its checkpoint; this script ends after it, with its exit code.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {});

/** Runs `dws ARGS`, showing what it prints; ends this script when it fails. */
async function dws(...args) {
  console.log(`\n$ npx dws ${args.join(' ')}`);
  const main = path.join(root, 'dist/cli/main.js');
  const child = spawn(process.execPath, [main, ...args], { cwd: root, stdio: 'inherit' });
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (code !== 0) process.exit(code ?? 130);
}

/** runs/quickstart, or with the first number that is free. */
function freshFolder() {
  for (let n = 1; ; n++) {
    const folder = `runs/quickstart${n === 1 ? '' : `-${n}`}`;
    if (!existsSync(path.join(root, folder))) return folder;
  }
}

const started = Date.now();
const out = freshFolder();
await dws('prepare', 'icons', DATA);
await dws('train', '--data-path', DATA, ...TRAINING, '--out', out);

const evaluations = readFileSync(path.join(root, out, 'metrics.jsonl'), 'utf8')
  .split('\n')
  .filter(Boolean)
  .map((line) => JSON.parse(line))
  .filter(({ kind }) => kind === 'eval');
const [before, after] = [evaluations[0].recall, evaluations.at(-1).recall];
const row = (name, cells) => `  ${name.padEnd(22)}${cells.map((cell) => cell.padStart(11)).join('')}`;
const values = (recall) => Object.values(recall).map((value) => value.toFixed(4));
const minutes = (Date.now() - started) / 60_000;

console.log(`
Done in ${minutes.toFixed(1)} minutes. How often one of the k nearest images shows the same icon, for icons never seen in training:

${row(
  '',
  Object.keys(before).map((k) => `Recall@${k}`),
)}
${row('before training', values(before))}
${row(`after ${EPOCHS * STEPS_PER_EPOCH} steps`, values(after))}

Checkpoints and metrics.jsonl are in ${out}, the images in ${DATA}. What to try next:

  npx dws embed --checkpoint ${out}/best.safetensors ${DATA}/val --out embeddings.npy
  npx dws export --checkpoint ${out}/best.safetensors -o model.onnx
  npx dws train --resume ${out}/checkpoint.safetensors --data-path ${DATA} --cache ram --epochs 10
`);
