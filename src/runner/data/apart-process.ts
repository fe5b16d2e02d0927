/** Entry of the process that draws SVGs. */
import { UserError } from '../base/errors.js';
import type { ApartReply, ApartRequest } from './apart.js';
import { beApart } from './apart.js';
import { decodeImage } from './decode.js';
import { readHeader } from './header.js';
import { BadImageError } from './image-file.js';

beApart();

const functions: Record<ApartRequest['name'], (...args: never[]) => Promise<unknown>> = {
  decode: decodeImage,
  header: readHeader,
};

async function answer({ name, args }: ApartRequest): Promise<ApartReply> {
  try {
    return { kind: 'done', value: await functions[name](...(args as never[])) };
  } catch (error) {
    if (error instanceof BadImageError) return { kind: 'bad', reason: error.reason };
    if (error instanceof UserError) return { kind: 'refused', message: error.message };
    return { kind: 'bug', stack: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

process.on('message', (request: ApartRequest) => void answer(request).then((reply) => process.send!(reply)));
// An exit would wait for what is being drawn, which nobody wants any more.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
// Ctrl-C and the end of a terminal reach it too; the program decides what becomes of the image.
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
