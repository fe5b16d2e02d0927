// What `npx` and `dws` are for the commands of the documentation: the program that was built, or an installed one; nothing is downloaded.
// A server is asked for its first page and ended; with DOCS_SMALL=1, a training is a small one.
/* global fetch */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const model = process.argv.includes('--backbone') ? '' : '--model squeezenet1_1 ';
const small =
  `${model}--image-size 32 --feat-dim 16 --embed-dim 8 --batch-size 4 --batch-k 2 --epochs 1 --batch-num 2 ` +
  '--threads 1 --workers 1 --checkpoint-every 1';

/** The last of equal options counts. */
const added = {
  train: process.env.DOCS_SMALL === '1' ? small.split(' ') : [],
  demo: ['--port', '0'],
};

function start(program, args, stdout) {
  const child = spawn(program, args, { stdio: ['inherit', stdout, 'inherit'] });
  child.on('error', (error) => {
    throw error;
  });
  child.on('close', (code, signal) => {
    process.exitCode = code ?? 1;
    if (signal) console.error(`ended by ${signal}`);
  });
  return child;
}

/** Waits for its address, gets what is there, and ends it as Ctrl-C does. */
function askServer(args) {
  const child = start(process.execPath, [main, ...args], 'pipe');
  let text = '';
  child.stdout.setEncoding('utf8').on('data', async (chunk) => {
    process.stdout.write(chunk);
    const isAsked = /http:\/\/\S+/.test(text);
    text += chunk;
    const [url] = /http:\/\/\S+/.exec(text) ?? [];
    if (isAsked || !url) return;
    const { status } = await fetch(url);
    child.kill('SIGINT');
    child.on('close', () => {
      process.exitCode = status === 200 ? 0 : 1;
    });
  });
}

const [program, ...args] = process.argv.slice(2);
if (program !== 'dws') {
  const installed = fileURLToPath(new URL(`../../node_modules/.bin/${program}`, import.meta.url));
  if (existsSync(installed)) start(installed, args, 'inherit');
  else {
    console.error(`npx ${program}: not among what is installed`);
    process.exitCode = 1;
  }
} else if (args[0] === 'demo') askServer([...args, ...added.demo]);
else start(process.execPath, [main, ...args, ...(added[args[0]] ?? [])], 'inherit');
