// Keeps `npm install dws` from fetching hundreds of megabytes, and from failing where their server can't be reached: onnxruntime-node's
// install script fetches its CUDA provider on Linux x64, unless the files are there or a setting says what to fetch. npm has no way for a
// package to give its dependency such a setting, but runs every package's preinstall, on unpacked files, before any postinstall. So
// empty files stand where the provider's would; `dws doctor` knows them as not installed and says how to get it, which replaces them.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);
/** Settings by which somebody has said what onnxruntime-node is to fetch. */
const settings = ['ONNXRUNTIME_NODE_INSTALL', 'npm_config_onnxruntime_node_install'].flatMap((name) => [
  name,
  `${name}${name.startsWith('npm') ? '_cuda' : '_CUDA'}`,
]);
const kinds = ['dependencies', 'devDependencies', 'optionalDependencies'];

/** Whether the project that dws is installed into uses onnxruntime-node itself: then what it fetches is the project's affair. */
function isWantedByProject() {
  const { npm_config_local_prefix: root, npm_config_global: isGlobal } = process.env;
  const file = root && isGlobal !== 'true' ? path.join(root, 'package.json') : '';
  if (!existsSync(file)) return false;
  const project = JSON.parse(readFileSync(file, 'utf8'));
  return project.name !== 'dws' && kinds.some((kind) => Object.hasOwn(project[kind] ?? {}, 'onnxruntime-node'));
}

/** The files that onnxruntime-node's install script looks for on this platform before it fetches them. */
function wantedFiles() {
  const folder = path.dirname(require.resolve('onnxruntime-node/package.json'));
  const { requirements, manifests } = require(path.join(folder, 'script/install-metadata.js'));
  const platform = `${process.platform}/${process.arch}`;
  const names = (requirements[platform] ?? []).flatMap((name) => Object.keys(manifests[`${platform}:${name}`]));
  return names.map((name) => path.join(folder, 'bin/napi-v6', platform, name));
}

try {
  if (!settings.some((name) => process.env[name]) && !isWantedByProject()) {
    for (const file of wantedFiles().filter((name) => !existsSync(name))) {
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, '', { flag: 'wx' });
    }
  }
} catch (error) {
  // An installation that would have gone well goes on.
  console.warn(`dws: onnxruntime-node may fetch its CUDA provider now (${error.message})`);
}
