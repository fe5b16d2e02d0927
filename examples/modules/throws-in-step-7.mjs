import { add, defineLoss, sub } from 'dws/graph';

/** What a mistake looks like that shows only when the graph runs: in the 7th step, an index is outside of its list. */
export default defineLoss({
  name: 'throws-in-step-7',
  options: {},
  create: () => ({
    takes: 'nothing',
    // Without rules, a step subtracts learning rate times gradient: 1 * -1.
    parameters: [
      { name: 'clock', shape: [], init: { kind: 'constant', value: 0 }, learns: true, learningRate: 1, optimizer: [] },
    ],
    loss(g, { embeddings, parameters: { clock } }) {
      const tick = sub(g, g.stopGradient(clock), clock); // 0, with a gradient of -1
      const index = g.op('Cast', [g.stopGradient(clock)], { to: 'int32' });
      const hour = g.op('Gather', [g.constant('int32', [6], [1, 2, 3, 4, 5, 6]), index], { axis: 0 });
      return { loss: add(g, g.op('ReduceMean', [embeddings], { keepdims: 0 }), tick), statistics: { hour } };
    },
  }),
});
