/** Formats that most browsers do not decode, and that people have images in. */

/** By the text that the first bytes are. Raw images of many cameras begin as TIFF does. */
const formats: readonly [begins: RegExp, name: string][] = [
  [/^.{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1)/s, 'a HEIC image, as phones take them'],
  [/^(II[*+]\0|MM\0[*+])/, "a TIFF or a camera's raw image"],
  [/^(.{4}ftypcrx |FUJIFILMCCD-RAW|II(RO|RS|U\0)|\0MRM)/s, "a camera's raw image"],
  [/^(.{4}jP {2}|\xff\x4f\xff\x51)/s, 'a JPEG 2000 image'],
  [/^(\xff\n|.{4}JXL )/s, 'a JPEG XL image'],
  [/^8BPS/, 'a Photoshop image'],
];

/** What a file is that a browser has not decoded: completes "it is". Undefined where its first bytes tell none of these. */
export function unreadFormat(start: Uint8Array): string | undefined {
  const text = Array.from(start.subarray(0, 16), (byte) => String.fromCharCode(byte)).join('');
  return formats.find(([begins]) => begins.test(text))?.[1];
}
