// A rank that ends with the code of its rank, the lower the later: node codes.mjs CODE...
import { setTimeout } from 'node:timers';

const code = Number(process.argv[2 + Number(process.env.OMPI_COMM_WORLD_RANK ?? process.env.PMI_RANK)]);
setTimeout(() => process.exit(code), (6 - code) * 200);
