/**
 * npm run bench -- install [--keep] [--may-skip]
 *
 * What a new user does: packs this checkout, and in an empty folder runs README.md's very lines of "Use it" with npm's defaults, `dws`
 * being the packed file; compiles its TypeScript. Once where the server of the CUDA provider can't be reached, once where a stand-in
 * answers for it: neither may be asked for anything. At last the line that `dws doctor` prints installs the provider. Needs the
 * package registry; exit code 1 when something fails.
 */
import { execFile, execFileSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readPage } from '../../test/docs/blocks.js';
import { writeImageFolder } from '../../test/helpers/images.js';
import { hasOpenssl, startProviderServer } from '../../test/helpers/provider-server.js';

const checkout = fileURLToPath(new URL('../..', import.meta.url));

const cache = execFileSync('npm', ['config', 'get', 'cache'], { encoding: 'utf8' }).trim();

/** npm's defaults: neither this script's settings nor a person's; what has been downloaded before is not downloaded again. */
const cleanEnv = (home: string, env: Record<string, string>) => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_|^ONNXRUNTIME/i.test(name))),
  ...{
    HOME: home,
    npm_config_userconfig: path.join(home, '.npmrc'),
    npm_config_cache: cache,
    npm_config_update_notifier: 'false',
    NO_COLOR: '1',
  },
  ...env,
});

const execute = (file: string, args: string[], cwd: string, env: NodeJS.ProcessEnv): Promise<string> =>
  new Promise((resolve, reject) => {
    execFile(file, args, { cwd, env, maxBuffer: 2 ** 26 }, (error, stdout, stderr) =>
      error ? reject(new Error(`${args.join(' ')}\n${stdout}${stderr}`)) : resolve(stdout + stderr),
    );
  });

/** The blocks of a section, in their order. */
async function sectionBlocks(heading: string) {
  const text = await readFile(path.join(checkout, 'README.md'), 'utf8');
  const lines = text.split('\n');
  const first = lines.indexOf(`## ${heading}`);
  if (first < 0) throw new Error(`README.md has no section ${heading}`);
  const after = lines.findIndex((line, i) => i > first && line.startsWith('## '));
  return readPage('README.md', text).blocks.filter(({ line }) => line > first && line <= after);
}

async function pack(folder: string): Promise<string> {
  execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], {
    cwd: checkout,
    stdio: ['ignore', 'ignore', 2],
  });
  const name = (await readdir(folder)).find((file) => file.endsWith('.tgz'))!;
  const tarball = path.join(folder, name);
  console.log(`packed ${name}: ${((await stat(tarball)).size / 1e6).toFixed(1)} MB`);
  return tarball;
}

const compilerOptions = {
  module: 'NodeNext',
  target: 'ES2022',
  strict: true,
  noEmit: true,
  types: [],
  lib: ['ES2023', 'DOM'],
};

/** @throws Error with what was printed, at the first thing that fails */
async function tryOut(folder: string, tarball: string, isReachable: boolean): Promise<void> {
  const project = path.join(folder, isReachable ? 'reachable' : 'unreachable');
  const home = path.join(folder, 'home');
  await mkdir(project, { recursive: true });
  await mkdir(home, { recursive: true });
  const server = await startProviderServer(folder, isReachable);
  const env = cleanEnv(home, server.env);
  const lines = async (script: string) => {
    for (const line of script.split('\n').filter(Boolean)) {
      const started = performance.now();
      const printed = await execute('bash', ['-euc', line], project, env);
      console.log(`  ${line.replace(tarball, 'dws.tgz')}  (${((performance.now() - started) / 1000).toFixed(0)} s)`);
      if (line.includes('doctor') && !printed.includes('Ready to train.')) throw new Error(printed);
    }
  };
  try {
    const [install, use] = (await sectionBlocks('Use it')).filter(({ language }) => language === 'sh');
    await lines(install!.code.replace(/ dws$/m, ` ${tarball}`));
    if (server.requests.length > 0)
      throw new Error(`the provider's server was asked for ${server.requests.join(', ')}`);
    await writeImageFolder(path.join(project, 'DATA'), { classes: 16, images: 5 });
    await cp(path.join(project, 'DATA/val/val-0'), path.join(project, 'photos'), { recursive: true });
    await lines(use!.code);

    const [program] = (await sectionBlocks('From a program')).filter(({ language }) => language === 'ts');
    await writeFile(path.join(project, 'program.mts'), program!.code);
    await writeFile(path.join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['program.mts'] }));
    // The typings of Node.js and the compiler are this checkout's.
    const tsc = path.join(checkout, 'node_modules/typescript/bin/tsc');
    await execute(
      process.execPath,
      [tsc, '--typeRoots', path.join(checkout, 'node_modules/@types'), '--types', 'node'],
      project,
      env,
    );
    console.log('  its types compile');

    if (isReachable && process.platform === 'linux' && process.arch === 'x64') {
      const doctor = await execute('npx', ['dws', 'doctor'], project, env);
      const [line] = /node \S+install\.js \S+/.exec(doctor) ?? [];
      if (line === undefined) throw new Error(`dws doctor prints no line that installs the provider:\n${doctor}`);
      await lines(line);
      if (server.requests.length === 0) throw new Error(`${line}: the server was not asked`);
    }
  } finally {
    await server.close();
  }
}

export async function benchInstall(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { keep: { type: 'boolean', default: false }, 'may-skip': { type: 'boolean', default: false } },
  });
  if (!hasOpenssl) throw new Error('openssl makes the certificate of the stand-in: install it');
  const folder = await mkdtemp(path.join(os.tmpdir(), 'dws-install-'));
  try {
    try {
      execFileSync('npm', ['view', 'onnxruntime-node', 'version'], { cwd: folder, stdio: 'ignore', timeout: 60_000 });
    } catch {
      const told = 'the package registry cannot be reached: nothing was tried';
      if (!values['may-skip']) throw new Error(`${told}. With --may-skip this is no failure.`);
      console.log(`Skipped: ${told}.`);
      return;
    }
    const tarball = await pack(folder);
    for (const isReachable of [false, true]) {
      console.log(`where the provider's server ${isReachable ? 'answers' : "can't be reached"}:`);
      await tryOut(folder, tarball, isReachable);
    }
  } finally {
    if (values.keep) console.log(folder);
    else await rm(folder, { recursive: true, force: true });
  }
}
