// A rank that takes longer to end after a signal than mpirun would wait: node signals.mjs CODE...
import { clearTimeout, setTimeout } from 'node:timers';

const codes = process.argv.slice(2);
const rank = Number(process.env.OMPI_COMM_WORLD_RANK ?? process.env.PMI_RANK);
const ended = setTimeout(() => process.exit(98), 60_000);
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    console.log(`${signal} at rank ${rank}`);
    clearTimeout(ended);
    setTimeout(() => {
      console.log(`done at rank ${rank}`);
      process.exitCode = Number(codes[rank]);
      process.removeAllListeners();
    }, 2500);
  });
}
console.log(`ready with ${codes.join(' ')}`);
