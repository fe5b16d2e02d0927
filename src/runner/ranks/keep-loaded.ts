/** Libraries that have threads of their own, and are never unloaded. */
import type { Koffi } from '../base/foreign-calls.js';

/** glibc's and musl's RTLD_NOW, RTLD_GLOBAL and RTLD_NODELETE. */
const [NOW, GLOBAL, NODELETE] = [0x2, 0x100, 0x1000];

/**
 * koffi closes what it has loaded when its thread ends; this keeps it.
 *
 * @param symbols whether parts that the library loads itself look for its symbols, as Open MPI's do
 */
export function keepLoaded(koffi: Koffi, file: string, symbols: 'global' | 'local'): void {
  const flags = NOW | NODELETE | (symbols === 'global' ? GLOBAL : 0);
  koffi.load(null).func('dlopen', 'void *', ['const char *', 'int'])(file, flags);
}
