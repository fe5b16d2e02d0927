/** Entry of a process that tries one execution provider: `node device-probe.js cuda` prints what `checkDevice` says, as JSON. */
import type { Provider } from '../../graph/options.js';
import { checkDevice } from './session.js';

const [name] = process.argv.slice(2) as [Provider];
console.log(JSON.stringify(await checkDevice({ device: name, deviceId: 0, threads: 1 })));
