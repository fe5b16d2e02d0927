/** Where an ONNX model comes from, as far as it decides whether weights can be taken out of it. */
import { UserError } from '../base/errors.js';

/** `producer_name` of the models that this program writes: `GraphBuilder.model`. */
const OURS = 'dws';

/** What PyTorch's exporter calls weights that it has computed itself. */
const COMPUTED = /^(onnx::\w+_\d+|\d+)$/;

export class Origin {
  private convolutions = 0;
  private normalizations = 0;

  constructor(private readonly path: string) {}

  /** @throws UserError for a model of this program: it is made for running, its parameters are not those of a training */
  requireForeign(producer: string): void {
    if (producer !== OURS) return;
    throw new UserError(
      `${this.path} is a model that dws itself wrote, for running: normalization was folded into its convolutions. ` +
        `Give the checkpoint that it was exported from, --pretrained checkpoint.safetensors, which begins with its weights.`,
    );
  }

  /** Counts a node. */
  see(opType: string): void {
    if (opType === 'Conv') this.convolutions++;
    if (opType === 'BatchNormalization') this.normalizations++;
  }

  /** @returns what to do when the weights do not fit, where the model tells it */
  hint(names: readonly string[]): string | undefined {
    const isFolded = this.convolutions > 0 && this.normalizations === 0;
    if (!isFolded && !names.some((name) => COMPUTED.test(name))) return undefined;
    return (
      `Its normalization was folded into the convolutions, and the parameters went with it. Export the model again with ` +
      `torch.onnx.export(..., training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False), or save its ` +
      `state dict: torch.save(model.state_dict(), FILE).`
    );
  }
}
