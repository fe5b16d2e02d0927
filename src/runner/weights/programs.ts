/**
 * Names in a pickle that are there to run a program. Nothing that a pickle names is run here; but where these stand, somebody
 * meant it to be, and a file of such a person is none to take weights from.
 */

/** Modules of which no object is data. */
const MODULES = new Set(
  'os posix nt subprocess pty popen2 commands runpy shutil socket webbrowser ctypes importlib imp'.split(' '),
);

/** Of modules that hold data too, or are called as a folder of somebody's program might be. */
const FUNCTIONS: Record<string, string> = {
  builtins: 'eval exec compile __import__ open input breakpoint',
  __builtin__: 'eval exec execfile compile __import__ open file input raw_input breakpoint',
  io: 'open open_code FileIO',
  _io: 'open open_code FileIO',
  codecs: 'open',
  urllib: 'urlopen urlretrieve request.urlopen request.urlretrieve',
  urllib2: 'urlopen',
  profile: 'run runctx',
  cProfile: 'run runctx',
  trace: 'Trace',
  asyncio: 'run create_subprocess_exec create_subprocess_shell',
  multiprocessing: 'Process process.Process context.Process',
  pickle: 'load loads',
  _pickle: 'load loads',
  cPickle: 'load loads',
  dill: 'load loads',
  marshal: 'load loads',
  torch: 'load hub.load jit.load',
  numpy: 'load testing._private.utils.runstring',
  joblib: 'load',
  pip: 'main _internal.main',
  code: 'interact InteractiveInterpreter InteractiveConsole',
  pdb: 'run runeval runcall',
  bdb: 'Bdb',
  timeit: 'timeit repeat main',
};

/** @param name with its module, `os.system` */
export function isProgram(name: string): boolean {
  const dot = name.indexOf('.');
  // pathlib, posixpath and the like are modules of their own.
  const module = name.slice(0, Math.max(dot, 0));
  const functions = Object.hasOwn(FUNCTIONS, module) ? FUNCTIONS[module]!.split(' ') : [];
  return MODULES.has(module) || functions.includes(name.slice(dot + 1));
}
