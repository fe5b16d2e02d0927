// Ranks that gather for ever, until rank 1 meets its fate: node fate.mjs WHO FATE TIMEOUT
import { setTimeout } from 'node:timers/promises';
import { openMpi } from '../../../dist/runner/ranks/mpi.js';

const [who, fate, timeoutSeconds] = process.argv.slice(2);
const fates = {
  throws: () => {
    throw new Error('a fate of its own');
  },
  'ends without close': () => process.exit(0),
  'computes without an end': () => {
    for (;;);
  },
  'is killed': () => process.kill(process.pid, 'SIGKILL'),
  'is stopped': () => process.kill(process.pid, 'SIGSTOP'),
  'says it is another world': () => undefined,
};
if (fate === 'says it is another world') {
  for (const name of ['OMPI_COMM_WORLD_SIZE', 'PMI_SIZE']) if (process.env[name]) process.env[name] = '5';
}
try {
  const talk = await openMpi({ timeoutSeconds: Number(timeoutSeconds) });
  const all = new Float32Array(talk.size);
  for (let call = 0; ; call++) {
    await talk.allGather(Float32Array.of(talk.rank), all);
    if (call === 0) console.log(`pid ${process.pid}`);
    if (call === 30 && talk.rank === Number(who)) {
      console.log('fate');
      fates[fate]();
    }
    await setTimeout(5);
  }
} catch (error) {
  console.error(`${error.name}: ${error.message}`);
  process.exit(3);
}
