// Ranks that gather for ever, until rank 1 meets its fate: node fate.mjs WHO FATE TIMEOUT
import { setTimeout } from 'node:timers/promises';
import { openedRanks } from './open-ranks.mjs';

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
  'is stopped while the others compute': () => process.kill(process.pid, 'SIGSTOP'),
  'is in another world': () => undefined,
};
if (fate === 'is in another world') {
  // Open MPI does not read the one, and MPICH is by itself without the other.
  if (process.env.OMPI_COMM_WORLD_SIZE) process.env.OMPI_COMM_WORLD_SIZE = '5';
  delete process.env.PMI_FD;
}
try {
  const talk = await openedRanks({ timeoutSeconds: Number(timeoutSeconds) });
  const all = new Float32Array(talk.size);
  for (let call = 0; ; call++) {
    await talk.allGather(Float32Array.of(talk.rank), all);
    if (call === 0) console.log(`pid ${process.pid}`);
    if (call === 30 && talk.rank === Number(who)) {
      console.log('fate');
      fates[fate]();
    }
    // As a native call does, which nothing interrupts.
    if (call === 30 && fate.endsWith('the others compute'))
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    await setTimeout(5);
  }
} catch (error) {
  console.error(`${error.name}: ${error.message}`);
  process.exit(3);
}
