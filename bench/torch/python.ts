/** Runs PyTorch's side of the check. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const script = fileURLToPath(new URL('peer.py', import.meta.url));

/** @throws Error with the last lines that Python printed */
async function run(python: string, args: string[]): Promise<string> {
  try {
    return (await execute(python, args)).stdout.trim();
  } catch (error) {
    const { stderr = '', signal, message } = error as Error & { stderr?: string; signal?: string | null };
    const lines = stderr.trim().split('\n').slice(-5).join('\n');
    throw new Error(signal ? `${python} was ended by ${signal}` : lines || message, { cause: error });
  }
}

/** The versions of what the check needs. @throws Error saying how to install it */
export async function torchVersions(python: string): Promise<string> {
  const code = "import torch, torchvision; print(f'torch {torch.__version__}, torchvision {torchvision.__version__}')";
  try {
    return await run(python, ['-c', code]);
  } catch (error) {
    throw new Error(
      `${python} can't import torch and torchvision. On Debian: apt-get install python3-torch python3-torchvision; ` +
        `or name another Python with --python.\n${(error as Error).message}`,
      { cause: error },
    );
  }
}

/** See peer.py for what each job reads and writes in the folder. */
export async function runPeer(
  python: string,
  job: 'write' | 'load',
  folder: string,
  { model, imageSize }: { model: string; imageSize: number },
): Promise<void> {
  await run(python, [script, job, folder, '--model', model, '--size', String(imageSize)]);
}
