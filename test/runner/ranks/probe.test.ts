import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { hasOpenMpi } from '../../helpers/mpi.js';
import { hasStandIn, standIn } from '../../helpers/nccl.js';

const program = fileURLToPath(new URL('../../../dist/runner/ranks/probe.js', import.meta.url));

async function probed(what: string, env: Record<string, string> = {}): Promise<unknown> {
  const { stdout } = await promisify(execFile)(process.execPath, [program, what], { env: { ...process.env, ...env } });
  return JSON.parse(stdout);
}

describe('what dws doctor tries of ranks', () => {
  it.runIf(hasOpenMpi)('is MPI, by its library and what starts its ranks', async () => {
    const detail = expect.stringMatching(/^Open MPI v[\d.]+\nlib\S+, for ranks that \/\S*mpirun\S* starts$/);
    expect(await probed('mpi')).toEqual({ ok: true, detail });
  });

  it('is MPI, and what to install where there is none', async () => {
    const detail = expect.stringMatching(/^mpirun is not on the PATH.*apt-get install openmpi-bin/);
    expect(await probed('mpi', { PATH: '' })).toEqual({ ok: false, detail });
  });

  it.runIf(hasStandIn)('is NCCL, and what to install where it is too old', async () => {
    expect(await probed('nccl', standIn())).toEqual({ ok: true, detail: '2.23.4, for ranks on GPUs' });
    const detail = expect.stringMatching(/^libnccl\.so\.2 is of NCCL 2\.8\.3, .*libnccl2/);
    expect(await probed('nccl', { ...standIn(), PRETEND_NCCL_VERSION: '2803' })).toEqual({ ok: false, detail });
  });
});
