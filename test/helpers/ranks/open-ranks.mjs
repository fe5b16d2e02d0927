// The ranks that a program's environment tells of: by NCCL's stand-in where RANKS_OVER is nccl, its sums made on the CPU.
import { foreignCalls } from '../../../dist/runner/base/foreign-calls.js';
import { DeviceSums } from '../../../dist/runner/compute/c-api/device-sums.js';
import { library } from '../../../dist/runner/compute/c-api/library.js';
import { openCudaRuntime } from '../../../dist/runner/ranks/cuda-runtime.js';
import { openMpi } from '../../../dist/runner/ranks/mpi.js';
import { placeOfProcess } from '../../../dist/runner/ranks/place.js';
import { openRanks } from '../../../dist/runner/ranks/open.js';

const cpu = { device: 'cpu', deviceId: 0, threads: 1 };

export async function openedRanks(options) {
  if (process.env.RANKS_OVER !== 'nccl') return openMpi(options);
  // As ONNX Runtime's provider does.
  const runtime = (await foreignCalls()).load('libcudart.so.13');
  const place = placeOfProcess(process.env, 'NCCL');
  const device = async (ranks) => ({
    sums: await DeviceSums.open(await library(), cpu, ranks),
    runtime: await openCudaRuntime(Number(process.env.GPU ?? place.localRank)),
  });
  const { communicator, note } = await openRanks({ ...options, piece: options.limits?.piece, device });
  if (note) console.log(`note: ${note}`);
  if (process.env.DWS_COMM !== 'mpi' && !communicator.by.startsWith('NCCL')) console.log(`by ${communicator.by}`);
  return Object.assign(communicator, { runtime });
}
