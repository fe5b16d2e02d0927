/**
 * The published inception_v3 comes from TensorFlow, where images were scaled to [-1, 1]; torchvision sets
 * `transform_input` for it, which undoes ImageNet's normalization in front of the network. Here the first layer takes
 * that in, so that the network is one like all others.
 *
 * With p a pixel's value in [0, 1] of channel c, our network sees x = (p - mean_c) / std_c, and the weights want
 *
 *     x' = (p - 0.5) / 0.5 = a_c x + b_c,    a_c = std_c / 0.5,    b_c = (mean_c - 0.5) / 0.5.
 *
 * The first layer is a convolution without padding and without bias, then batch normalization. Every window lies inside
 * the image, so at each place output o is
 *
 *     sum over c,i,j of w[o,c,i,j] x'[c,i,j] = sum of (w[o,c,i,j] a_c) x[c,i,j] + s_o,    s_o = sum of w[o,c,i,j] b_c.
 *
 * The weights become w[o,c,i,j] a_c. Batch normalization subtracts a mean from the output: the running mean becomes
 * running_mean_o - s_o; the mean of a batch is without s_o by itself. So both of its modes give what they gave.
 */
import type { Normalization } from '../../graph/preprocessing.js';

const CHANNELS = 3;

/**
 * Changes the first layer, in place, from images in [-1, 1] to images normalized otherwise.
 *
 * @param weight `Conv2d_1a_3x3.conv.weight`, [outputs, 3, height, width]
 * @param runningMean `Conv2d_1a_3x3.bn.running_mean`, [outputs]
 * @param normalization of the network's images
 */
export function foldInputScaling(weight: Float32Array, runningMean: Float32Array, { mean, std }: Normalization): void {
  const plane = weight.length / runningMean.length / CHANNELS;
  for (let o = 0; o < runningMean.length; o++) {
    let shift = 0;
    for (let c = 0; c < CHANNELS; c++) {
      const scale = std[c]! / 0.5;
      const offset = (mean[c]! - 0.5) / 0.5;
      const begin = (o * CHANNELS + c) * plane;
      for (let i = begin; i < begin + plane; i++) {
        shift += weight[i]! * offset;
        weight[i] = weight[i]! * scale;
      }
    }
    runningMean[o] = runningMean[o]! - shift;
  }
}
