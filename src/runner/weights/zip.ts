/** Random access to the entries of a zip archive, refusing what could unpack to far more than the archive itself. */
import { Readable } from 'node:stream';
import { fromRandomAccessReaderPromise, RandomAccessReader } from 'yauzl';
import type { Entry, ZipFile } from 'yauzl';
import { UserError } from '../base/errors.js';
import { printable } from '../base/printable.js';
import type { ByteStream, RandomFile } from '../onnx-files/random-file.js';

export interface ZipEntry {
  name: string;
  /** Unpacked. */
  bytes: number;
  /**
   * Its unpacked bytes from `offset` on. Deflated entries are unpacked from their beginning, piece by piece.
   *
   * @throws UserError when its header is damaged
   */
  open(offset: number): Promise<ByteStream>;
}

/** The largest model has 1,000 tensors. */
const MAX_ENTRIES = 65_535;
const STORED = 0;
const DEFLATED = 8;
/** Deflate saves a tenth of trained weights. Archives that claim much more are made to fill the memory. */
const MAX_INFLATION = 8;
/** Zeros and ones, as in a fresh normalization, pack well: small archives may unpack to this in any case. */
const ALWAYS_ALLOWED_BYTES = 2 ** 20;
const STREAM_BYTES = 64 * 2 ** 10;

/** Lets yauzl read a file that stays open after it. */
class FileReader extends RandomAccessReader {
  constructor(private readonly file: RandomFile) {
    super();
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    done: (error: Error | null, bytesRead?: number) => void,
  ): void {
    this.file.read(buffer.subarray(offset, offset + length), position).then(
      () => done(null, length),
      (error: Error) => done(error),
    );
  }

  override _readStreamForRange(start: number, end: number): Readable {
    const { file } = this;
    return Readable.from(
      (async function* () {
        for (let position = start; position < end; position += STREAM_BYTES) {
          const chunk = new Uint8Array(Math.min(STREAM_BYTES, end - position));
          await file.read(chunk, position);
          yield chunk;
        }
      })(),
    );
  }
}

/** Hands out the bytes of a stream, from `offset` on. */
class ChunkedStream implements ByteStream {
  private readonly chunks: AsyncIterator<Uint8Array>;
  private chunk: Uint8Array = new Uint8Array(0);

  constructor(
    private readonly stream: Readable,
    private skip: number,
    private readonly fail: (what: string) => UserError,
  ) {
    // What fails after it was closed concerns nobody; before, `next` hears of it, too.
    stream.on('error', () => undefined);
    this.chunks = (stream as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  }

  async fill(target: Uint8Array): Promise<void> {
    for (let done = 0; done < target.length;) {
      if (this.chunk.length === 0) this.chunk = await this.next();
      const skipped = Math.min(this.skip, this.chunk.length);
      const part = this.chunk.subarray(skipped, skipped + target.length - done);
      target.set(part, done);
      this.skip -= skipped;
      this.chunk = this.chunk.subarray(skipped + part.length);
      done += part.length;
    }
  }

  private async next(): Promise<Uint8Array> {
    try {
      const { value, done } = await this.chunks.next();
      if (done !== true) return value;
    } catch (error) {
      throw this.fail(messageOf(error));
    }
    throw this.fail('it unpacks to fewer bytes than it should');
  }

  close(): void {
    this.stream.destroy();
  }
}

const messageOf = (error: unknown): string => printable(error instanceof Error ? error.message : String(error));

/** The archive's table of contents, checked as far as it goes without reading the entries. */
async function readEntries(
  zip: ZipFile,
  file: RandomFile,
  fail: (what: string) => UserError,
): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  const bytes = { [STORED]: 0, [DEFLATED]: 0 };
  for await (const entry of zip.eachEntry()) {
    const { fileName: name, compressionMethod: method, uncompressedSize } = entry;
    if (entries.has(name)) throw fail(`it holds ${printable(name)} twice`);
    if (entries.size === MAX_ENTRIES) throw fail(`it holds more than ${MAX_ENTRIES} entries`);
    if ((method !== STORED && method !== DEFLATED) || entry.isEncrypted()) {
      throw fail(`its entry ${printable(name)} is encrypted or packed in an unknown way`);
    }
    bytes[method] += uncompressedSize;
    entries.set(name, entry);
  }
  const inflated = Math.max(MAX_INFLATION * file.size, ALWAYS_ALLOWED_BYTES);
  if (bytes[STORED] > file.size || bytes[DEFLATED] > inflated) {
    throw fail(`it claims to hold ${bytes[STORED] + bytes[DEFLATED]} bytes, but is a file of ${file.size}`);
  }
  return entries;
}

/** The entries of an archive by name. */
export interface ZipArchive {
  names: string[];
  /** Finds an entry and checks that all of its bytes are in the file; undefined when there is none of that name. */
  entry(name: string): Promise<ZipEntry | undefined>;
}

/**
 * Opens an archive in an open file, which stays the caller's to close.
 *
 * @param fail the error for a damaged file
 * @throws UserError when the archive is damaged, encrypted, or claims to hold far more than it can
 */
export async function openZip(file: RandomFile, fail: (what: string) => UserError): Promise<ZipArchive> {
  const attempt = async <T>(action: () => Promise<T>): Promise<T> => {
    try {
      return await action();
    } catch (error) {
      throw error instanceof UserError ? error : fail(messageOf(error));
    }
  };
  const options = { autoClose: false, lazyEntries: true };
  const zip = await attempt(() => fromRandomAccessReaderPromise(new FileReader(file), file.size, options));
  const entries = await attempt(() => readEntries(zip, file, fail));
  return {
    names: [...entries.keys()],
    entry: async (name) => {
      const entry = entries.get(name);
      if (entry === undefined) return undefined;
      const { fileDataStart } = await attempt(() => zip.readLocalFileHeaderPromise(entry, { minimal: true }));
      const failEntry = (what: string): UserError => fail(`in its entry ${printable(name)}, ${what}`);
      return {
        name,
        bytes: entry.uncompressedSize,
        open: async (offset) => {
          if (entry.compressionMethod === STORED) return file.stream(fileDataStart + offset);
          return new ChunkedStream(await attempt(() => zip.openReadStreamPromise(entry)), offset, failEntry);
        },
      };
    },
  };
}
