/** `dws cuda-install`. */
import { UserError } from '../../runner/base/errors.js';
import { installCudaProvider, removeCudaProvider, requireCudaSystem } from '../../runner/cuda/install.js';
import { chooseCuda } from '../../runner/cuda/machine.js';
import type { CudaVersion, InstalledProvider } from '../../runner/cuda/provider.js';
import { cuda13Built, cuda13Package } from '../../runner/cuda/provider.js';
import { ask } from '../ask.js';
import { untilInterrupted } from '../interrupt.js';
import { terminal } from '../terminal.js';

interface CudaInstallValues {
  cuda?: string;
  yes: boolean;
  remove: boolean;
}

const describe = ({ file, cuda }: InstalledProvider): string =>
  `${file} (${cuda === undefined ? 'no provider for CUDA' : `for CUDA ${cuda}`})`;

const notInstalled = 'dws cuda-install: nothing was installed.';

/** @throws UserError unless the package of a third party is agreed to; the signal's reason when it is aborted */
async function agree(yes: boolean, signal: AbortSignal): Promise<void> {
  const { name, version } = cuda13Package;
  terminal.print(
    `For CUDA 13, ONNX Runtime's makers publish no provider for Node.js. A third party has one of ONNX Runtime ${cuda13Built} on the npm\n` +
      `registry: ${name} ${version}, 179 MB. It is native code that runs in this program.\n` +
      'What comes is compared with the SHA-512 that is written down in dws, so it is the file that was looked at, or none.',
  );
  if (yes) return;
  if (process.stdin.isTTY && process.stdout.isTTY) {
    if (/^y(es)?$/i.test((await ask('Take it? [y/N] ', signal))?.trim() ?? '')) return;
    throw new UserError(notInstalled);
  }
  throw new UserError('dws cuda-install: say --yes to take it.');
}

async function install({ cuda: given, yes, remove }: CudaInstallValues, signal: AbortSignal): Promise<void> {
  if (remove) {
    const before = await removeCudaProvider();
    terminal.print(before ? `removed ${describe(before)}` : 'there is no CUDA provider to remove');
    return;
  }
  let cuda = Number(given) as CudaVersion;
  if (given === undefined) {
    const chosen = await chooseCuda();
    ({ cuda } = chosen);
    terminal.print(`CUDA ${cuda} is here: ${chosen.at}`);
  }
  const beforeFetch = async () => {
    if (cuda === 13) await agree(yes, signal);
    terminal.print(`fetching the provider for CUDA ${cuda} ...`);
  };
  const { provider, created, before } = await installCudaProvider({ cuda, beforeFetch, signal });
  if (!created) terminal.print(`${describe(provider)} was there already`);
  else {
    if (before) terminal.print(`replaced ${describe(before)}`);
    terminal.print(`installed ${describe(provider)}`);
    terminal.print(
      "'npx dws doctor' says what else a training on CUDA needs; 'npx dws cuda-install --remove' takes it away",
    );
  }
}

/** Returns the program's exit code. */
export async function cudaInstall(values: CudaInstallValues): Promise<number> {
  requireCudaSystem();
  return untilInterrupted((signal) => install(values, signal), notInstalled);
}
