import { UserError } from '../base/errors.js';
import { openOnnx } from './onnx-file.js';
import { RandomFile } from '../onnx-files/random-file.js';
import { openSafetensors } from './safetensors-file.js';
import { openTorchLegacy } from './torch-legacy.js';
import { openTorchZip } from './torch-zip.js';
import type { WeightContent, WeightFile } from './weight-file.js';

const ADVICE = 'Give a .pth or .pt file of a state dict, a .safetensors file or an .onnx model.';

interface Format {
  name: string;
  /** Told from the first bytes, one character each. */
  matches: (head: string) => boolean;
  open: (file: RandomFile) => Promise<WeightContent>;
}

const startsWith =
  (...starts: string[]) =>
  (head: string): boolean =>
    starts.some((start) => head.startsWith(start));

/** In the order in which they are tried. */
const FORMATS: readonly Format[] = [
  { name: 'PyTorch zip', matches: startsWith('PK\x03\x04'), open: openTorchZip },
  {
    name: 'PyTorch legacy',
    matches: startsWith('\x80\x02', '\x80\x03', '\x80\x04', '\x80\x05'),
    open: openTorchLegacy,
  },
  // Behind the header's length, its JSON.
  { name: 'safetensors', matches: (head) => head[8] === '{', open: openSafetensors },
  // A ModelProto begins with its IR version, or in odd files with its operator sets, producer or graph.
  { name: 'ONNX', matches: startsWith('\x08', '\x12', '\x3a', '\x42'), open: openOnnx },
];

const HEAD_BYTES = 512;
const TAR_MAGIC = 257;

/** What people give by mistake. */
const FOREIGN: readonly { what: string; matches: (head: string) => boolean }[] = [
  {
    what: 'a tar archive, as PyTorch before 0.1.11 wrote; load and save it with PyTorch',
    matches: (head) => head.startsWith('ustar', TAR_MAGIC),
  },
  { what: 'an HDF5 file', matches: startsWith('\x89HDF') },
  { what: 'a NumPy array', matches: startsWith('\x93NUMPY') },
  { what: 'a GGUF file', matches: startsWith('GGUF') },
  { what: 'a gzip file; unpack it', matches: startsWith('\x1f\x8b') },
  { what: 'a web page, not the file it was to download', matches: (head) => /^\s*<(!doctype|html)/i.test(head) },
  {
    what: "a Git LFS pointer; fetch the file with 'git lfs pull'",
    matches: startsWith('version https://git-lfs'),
  },
];

/**
 * Opens a file of weights that somebody else wrote: by `torch.save` in either of its formats, safetensors or ONNX. The
 * content decides, not the ending. Only the description is read now; tensors are read on demand, so that a file takes
 * no more memory than the tensors that are held. Nothing in a file is run.
 *
 * @throws UserError naming the file, what is wrong and what to do: not readable, damaged, hostile, another format, or
 *   without float tensors
 */
export async function openWeights(path: string): Promise<WeightFile> {
  const file = await RandomFile.open(path);
  try {
    const head = Buffer.from(await file.head(HEAD_BYTES)).toString('latin1');
    const foreign = FOREIGN.find(({ matches }) => matches(head));
    if (foreign !== undefined) throw new UserError(`${path} holds no weights: it is ${foreign.what}. ${ADVICE}`);
    const format = FORMATS.find(({ matches }) => matches(head));
    if (format === undefined) {
      const what = file.size === 0 ? 'it is empty' : 'it has none of the formats that dws reads';
      throw new UserError(`${path} holds no weights: ${what}. ${ADVICE}`);
    }
    const { tensors, passedOver = [], hint } = await format.open(file);
    if (tensors.length === 0) throw new UserError(`${path} holds no weights: it has no float tensors. ${ADVICE}`);
    return { path, format: format.name, tensors, passedOver, hint, close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}
