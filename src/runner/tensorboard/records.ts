/**
 * The framing of TensorBoard's event files (TFRecord): each record is its length as a 64-bit integer, a checksum of these eight
 * bytes, the data and a checksum of it, all little-endian.
 */
import { crc32c } from '@aws-crypto/crc32c';

const headerBytes = 12;
const footerBytes = 4;

/** CRC-32C, rotated right by 15 bits plus a constant: the format's way to tell checksums from data that holds checksums. */
export function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

export function encodeRecord(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(headerBytes + data.length + footerBytes);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc(record.subarray(0, 8)), true);
  record.set(data, headerBytes);
  view.setUint32(headerBytes + data.length, maskedCrc(data), true);
  return record;
}
