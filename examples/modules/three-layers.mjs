import { defineBackbone } from 'dws/graph';

/** Two convolutions that halve the image, and a linear layer: small enough to try things. */
export default defineBackbone({
  name: 'three-layers',
  options: { width: { default: 32, min: 1, integer: true, description: 'channels of the first convolution' } },
  create: ({ width }) => ({
    imageSize: 32,
    smallest: 4,
    lastLayer: 'fc',
    features(nn, images, featDim) {
      const halved = (x, place, out) => {
        const y = nn.conv2d(`conv${place}`, x, { out, kernel: 3, stride: 2, padding: 1 });
        return nn.relu(nn.batchNorm2d(`bn${place}`, y));
      };
      const x = halved(halved(images, 1, width), 2, 2 * width);
      return nn.linear('fc', nn.flatten(nn.adaptiveAvgPool2d(x, 1)), { out: featDim });
    },
  }),
});
