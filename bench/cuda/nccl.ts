/**
 * npm run bench -- cuda --nccl
 *
 * Trainings on two pretend GPUs, by the built program: started by mpirun and by torchrun's variables, over NCCL's stand-in and over MPI.
 * What each step moves, counted, beside what it should; what is recorded; and what is said where something is missing or a rank is killed.
 * Nothing is computed, so that it tells nothing of numbers: `test/runner/ranks/nccl.test.ts` does, on the CPU.
 */
import { cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describeNetwork } from '../../src/graph/step/describe.js';
import { openRun } from '../../src/runner/reproduce/record.js';
import type { Circumstances, Ended } from '../survive/small-run.js';
import { runSmall, writeNoise } from '../survive/small-run.js';
import { installed } from './installed.js';
import type { Counts } from './log.js';
import { countsOf } from './log.js';
import { setUpPretendDevice } from './setup.js';

const ranks = 2;
const float = Float32Array.BYTES_PER_ELEMENT;
/** Of two trainings, whose difference is that of steps alone. */
const [few, many] = [4, 12];

const always = [
  '--gpus',
  '0,1',
  '--epochs',
  '1',
  '--eval-every',
  '0',
  '--checkpoint-every',
  '100',
  '--rank-timeout',
  '20',
];

interface Machine {
  program: string;
  libraries: string;
  data: string;
  folder: string;
}

const torchrun = (rank: number, port: number): Record<string, string> => ({
  ...{ RANK: String(rank), WORLD_SIZE: String(ranks), LOCAL_RANK: String(rank), LOCAL_WORLD_SIZE: String(ranks) },
  ...{ MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(port) },
});

interface Way {
  name: string;
  env?: Readonly<Record<string, string>>;
  /** Each process is started by itself, with torchrun's variables. */
  byAddress?: boolean;
}

const ways: readonly Way[] = [
  { name: 'mpirun, NCCL' },
  { name: 'mpirun, MPI', env: { DWS_COMM: 'mpi' } },
  { name: "torchrun's variables, NCCL", byAddress: true },
];

let port = 20_000 + (process.pid % 10_000);

/** @returns of each process that was started here */
async function start(
  machine: Machine,
  way: Way,
  out: string,
  more: readonly string[],
  extra: Circumstances = {},
): Promise<Ended[]> {
  const { program, libraries, data } = machine;
  const env = { LD_LIBRARY_PATH: libraries, PRETEND_CUDA_DEVICES: String(ranks), ...way.env, ...extra.env };
  const circumstances: Circumstances = { ...extra, program, more: [...always, ...more] };
  port += 2;
  const of = way.byAddress ? Array.from({ length: ranks }, (_, rank) => torchrun(rank, port)) : [{}];
  return Promise.all(of.map((own) => runSmall(data, out, { ...circumstances, env: { ...env, ...own } })));
}

function requireDone(ended: readonly Ended[], what: string): void {
  for (const { code, text } of ended) if (code !== 0) throw new Error(`${what} ended with ${code}:\n${text}`);
}

/** Of the ranks, each of which has a log. */
async function countsIn(folder: string): Promise<Counts[]> {
  const logs = await Promise.all((await readdir(folder)).map((name) => readFile(path.join(folder, name), 'utf8')));
  return logs.map(countsOf).filter(({ launches }) => launches > 100);
}

/** What a rank sends in a step: its shares of the gradient and the sums of them, its embeddings, and whether it was interrupted. */
function sentInTheory(params: number, images: number, dim: number): number {
  const share = Math.floor(params / ranks);
  const gradient = (ranks - 1) * (2 * share + (params - share * ranks));
  return float * (gradient + (ranks - 1) * (images * dim + 1));
}

const perStep = (less: readonly Counts[], more: readonly Counts[], what: 'toDevice' | 'toHost' | 'sent'): number => {
  const sum = (all: readonly Counts[]) => all.reduce((total, counts) => total + counts[what], 0);
  return (sum(more) - sum(less)) / ranks / (many - few);
};

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(3);

async function measured(machine: Machine, way: Way): Promise<{ copied: number; gradient: number }> {
  const logged: Counts[][] = [];
  let record: Awaited<ReturnType<typeof openRun>> | undefined;
  for (const steps of [few, many]) {
    const [out, logs] = ['run', 'logs'].map((name) => path.join(machine.folder, name)) as [string, string];
    await mkdir(logs);
    const env = { PRETEND_CUDA_LOG: `${logs}/` };
    requireDone(await start(machine, way, out, ['--batch-num', String(steps)], { env }), way.name);
    logged.push(await countsIn(logs));
    record = await openRun(out);
    for (const made of [out, logs]) await rm(made, { recursive: true });
  }
  const [less, more] = logged as [Counts[], Counts[]];
  const { communication, hyperparameters } = record!.last;
  const options = hyperparameters.training;
  const { paramCount } = describeNetwork(options);
  const [toDevice, toHost, sent] = (['toDevice', 'toHost', 'sent'] as const).map((what) =>
    perStep(less, more, what),
  ) as [number, number, number];
  const byNccl = communication?.startsWith('NCCL') ?? false;
  const theory = byNccl ? sentInTheory(paramCount, options.batchSize / ranks, options.embedDim) : 0;
  console.log(
    `| ${way.name} | ${communication} | ${megabytes(toDevice)} | ${megabytes(toHost)} | ${megabytes(sent)} | ${megabytes(theory)} |`,
  );
  if (sent !== theory) throw new Error(`${way.name}: ${sent} bytes sent a step, and ${theory} in theory`);
  if (byNccl === way.name.endsWith(', MPI')) throw new Error(`${way.name}: recorded as ${communication}`);
  return { copied: toDevice + toHost, gradient: float * paramCount };
}

interface Case {
  what: string;
  way: Way;
  /** Libraries that are not there. */
  without?: RegExp;
  env?: Readonly<Record<string, string>>;
  more?: readonly string[];
  code: number;
  says: RegExp;
}

const [byMpirun, , byTorchrun] = ways as [Way, Way, Way];
const cases: readonly Case[] = [
  {
    what: 'no libnccl, mpirun',
    way: byMpirun,
    without: /nccl/,
    code: 0,
    says: /go through the host's memory.*install NCCL 2 .*libnccl2/,
  },
  {
    what: 'no libnccl, DWS_COMM=nccl',
    way: byMpirun,
    env: { DWS_COMM: 'nccl' },
    without: /nccl/,
    code: 1,
    says: /^dws: DWS_COMM=nccl, but .*libnccl2/m,
  },
  {
    what: 'no libnccl, torchrun',
    way: byTorchrun,
    without: /nccl/,
    code: 1,
    says: /^dws: torchrun has started 2 processes.*libnccl2.*mpirun -n 2/m,
  },
  {
    what: 'torchrun, --device cpu',
    way: byTorchrun,
    more: ['--device', 'cpu', '--gpus', ''],
    code: 1,
    says: /^dws: torchrun has started 2 .*mpirun -n 2/m,
  },
  {
    what: 'NCCL 2.13',
    way: byMpirun,
    env: { PRETEND_NCCL_VERSION: '21304' },
    code: 0,
    says: /is of NCCL 2\.13\.4, and 2\.14\.0 or newer/,
  },
  {
    what: 'NCCL fails on rank 1',
    way: byMpirun,
    env: { PRETEND_NCCL_FAILS: '1' },
    code: 1,
    says: /^dws: .*(remote process exited|rank 1 on)/m,
  },
];

async function play(machine: Machine, { what, way, without, env = {}, more = [], code, says }: Case): Promise<void> {
  const libraries = path.join(machine.folder, 'libraries');
  await cp(machine.libraries, libraries, { recursive: true, filter: (name) => !without?.test(path.basename(name)) });
  const out = path.join(machine.folder, 'run');
  const ended = await start({ ...machine, libraries }, way, out, ['--batch-num', '4', ...more], { env });
  const line = ended.flatMap(({ text }) => text.split('\n').filter((one) => says.test(one)))[0];
  if (line === undefined || ended.some((one) => one.code !== code) || ended.some(({ text }) => /^\s+at /m.test(text)))
    throw new Error(`${what}: not as it should be:\n${ended.map((one) => `${one.code}\n${one.text}`).join('\n')}`);
  console.log(`| ${what} | \`${line.trim()}\` |`);
  for (const made of [libraries, out]) await rm(made, { recursive: true, force: true });
}

export async function playNccl(): Promise<void> {
  const device = await setUpPretendDevice();
  const folder = await mkdtemp(path.join(tmpdir(), 'dws-nccl-'));
  try {
    const data = path.join(folder, 'data');
    await writeNoise(data);
    const program = await installed(path.join(folder, 'installed'), device.onnxruntime);
    const machine: Machine = { program, libraries: device.libraries, data, folder };
    console.log(`${ranks} ranks; a step of each, MB:\n`);
    console.log('| started by, over | recorded | to the device | to the host | sent by NCCL | in theory |');
    console.log('|---|---|---:|---:|---:|---:|');
    const found = [];
    for (const way of ways) found.push(await measured(machine, way));
    const [nccl, mpi] = found as [(typeof found)[number], (typeof found)[number]];
    const spared = mpi.copied - nccl.copied;
    console.log(
      `\nNCCL spares ${megabytes(spared)} MB of copies a step; the gradient, there and back, has ${megabytes(2 * nccl.gradient)} MB\n`,
    );
    // What little the ranks say from the host passes through the device.
    if (spared < 1.9 * nccl.gradient) throw new Error('the gradient goes through the host');
    console.log('| where | what is said |');
    console.log('|---|---|');
    for (const one of cases) await play(machine, one);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
