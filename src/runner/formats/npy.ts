/**
 * NumPy's .npy format, version 1.0: magic, version, a 2-byte header length, a Python dict literal padded with spaces so
 * that the data begin at a multiple of 64, and the elements in C order.
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const VERSION = [1, 0];
const PREFIX_BYTES = MAGIC.length + VERSION.length + 2;
const ALIGNMENT = 64;

/**
 * Encodes a matrix as chunks to be written one after the other; `numpy.load` reads the file as float32 [rows, columns].
 *
 * @param data float32 [rows, columns], row-major; passed through, not copied
 * @throws Error when data does not hold rows * columns values
 */
export function encodeNpy(data: Float32Array, rows: number, columns: number): Uint8Array[] {
  if (data.length !== rows * columns) {
    throw new Error(`npy: [${rows}, ${columns}] takes ${rows * columns} values, got ${data.length}`);
  }
  const description = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${columns}), }`;
  const total = Math.ceil((PREFIX_BYTES + description.length + 1) / ALIGNMENT) * ALIGNMENT;
  const header = `${description.padEnd(total - PREFIX_BYTES - 1)}\n`;
  const head = new Uint8Array(total);
  head.set([...MAGIC, ...VERSION]);
  new DataView(head.buffer).setUint16(PREFIX_BYTES - 2, header.length, true);
  head.set(new TextEncoder().encode(header), PREFIX_BYTES);
  return [head, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];
}
