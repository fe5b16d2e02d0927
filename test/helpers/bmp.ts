interface BmpHeader {
  width: number;
  /** Negative for rows from the top. */
  height: number;
  /** Of a pixel. */
  bits: number;
  compression?: number;
  /** Entries of the palette; as many as the bits can tell unless given. */
  colours?: number;
  /** Bytes between the header and the pixels, and of these. */
  between?: number;
  pixels: number;
}

/** The first 54 bytes of a BMP. */
export function bmpHeader({ width, height, bits, compression = 0, colours = 0, between = 0, pixels }: BmpHeader) {
  const header = Buffer.alloc(54);
  header.write('BM');
  header.writeUInt32LE(54 + between + pixels, 2);
  header.writeUInt32LE(54 + between, 10);
  header.writeUInt32LE(40, 14);
  header.writeInt32LE(width, 18);
  header.writeInt32LE(height, 22);
  header.writeUInt16LE(1, 26);
  header.writeUInt16LE(bits, 28);
  header.writeUInt32LE(compression, 30);
  header.writeUInt32LE(colours, 46);
  return header;
}

export interface BmpParts {
  width?: number;
  height?: number;
  bits: number;
  compression?: number;
  /** Masks and palette. */
  between?: readonly number[];
  pixels: readonly number[];
  /** Bytes between all of that and the pixels. */
  gap?: number;
  colours?: number;
}

/** A file with a header of 40 bytes. */
export function bmp({ width = 3, height = 2, between = [], pixels, gap = 0, ...rest }: BmpParts) {
  const lengths = { between: between.length + gap, pixels: pixels.length };
  const header = bmpHeader({ width, height, ...rest, ...lengths });
  return new Uint8Array(Buffer.concat([header, Buffer.from(between), Buffer.alloc(gap), Buffer.from(pixels)]));
}
