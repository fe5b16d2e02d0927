#!/usr/bin/env python3
"""PyTorch's side of the interop check; main.ts runs it. Needs torch, torchvision and numpy, and no other package.

    peer.py write FOLDER --model resnet18 --size 96    writes a network's weights in four formats, images and their embeddings
    peer.py load FOLDER --model resnet18 --size 96     loads weights.safetensors strictly, writes the images' embeddings

Files in FOLDER: `zip.pth`, `legacy.pth` (names as of DataParallel: `module.`), `plain.safetensors`, `model.onnx`; `images.bin` uint8
[4, size, size, 3]; `written.bin` and `loaded.bin`, the embeddings, float32 [4, 128].
"""
import argparse
import json
import os
import sys

import numpy
import torch
import torchvision

FEAT_DIM, EMBED_DIM, IMAGES, SEED = 512, 128, 4, 1
MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
# Adaptive pooling is exported only for sizes that it divides evenly; the weights are the same at all sizes.
EXPORT_SIZE = 224


def backbone(name):
    extra = {"inception_v3": dict(aux_logits=False, init_weights=False)}.get(name, {})
    return torchvision.models.__dict__[name](num_classes=FEAT_DIM, **extra)


class EmbeddingNet(torch.nn.Module):
    def __init__(self, name):
        super().__init__()
        self.base_net = backbone(name)
        self.dense = torch.nn.Linear(FEAT_DIM, EMBED_DIM)

    def forward(self, x):
        return torch.nn.functional.normalize(self.dense(self.base_net(x)), dim=1)


def fill(net):
    """Weights that keep the signal's size through the layers, and running statistics as a training leaves them: not 0 and 1."""
    generator = torch.Generator().manual_seed(SEED)
    for name, tensor in net.state_dict().items():
        if not tensor.is_floating_point():
            tensor.fill_(17)
            continue
        tensor.normal_(generator=generator)
        if tensor.dim() > 1:
            tensor *= (2 / tensor[0].numel()) ** 0.5
        elif name.endswith("running_var"):
            tensor.abs_().mul_(0.2).add_(0.8)
        elif name.endswith("weight"):
            tensor.mul_(0.1).add_(1)
        else:
            tensor *= 0.1


def make_images(size):
    """Each a pattern of large patches in its own colors, with noise."""
    random = numpy.random.RandomState(SEED)
    patches = random.randint(0, 192, (IMAGES, 4, 4, 3)).repeat(-(-size // 4), 1).repeat(-(-size // 4), 2)
    return (patches[:, :size, :size] + random.randint(0, 64, (IMAGES, size, size, 3))).astype(numpy.uint8)


def normalized(images):
    return ((torch.from_numpy(images).float() / 255 - MEAN) / STD).permute(0, 3, 1, 2).contiguous()


DTYPES = {torch.float32: "F32", torch.int64: "I64"}


def write_safetensors(path, state):
    header, end = {}, 0
    for name, tensor in state.items():
        begin, end = end, end + tensor.numel() * tensor.element_size()
        header[name] = dict(dtype=DTYPES[tensor.dtype], shape=list(tensor.shape), data_offsets=[begin, end])
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in state.values():
            tensor.contiguous().numpy().tofile(file)


def read_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        start = file.tell()
    data = numpy.memmap(path, mode="c", offset=start)
    dtypes = {name: dtype for dtype, name in DTYPES.items()}
    return {
        name: torch.frombuffer(data, dtype=dtypes[t["dtype"]], offset=t["data_offsets"][0], count=int(numpy.prod(t["shape"]))).reshape(t["shape"])
        for name, t in header.items()
        if name != "__metadata__"
    }


def calibrate(net, images):
    """Running statistics that fit the images: in a deep random network, any others leave every image with the same embedding."""
    norms = [m for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    net(images)
    for norm in norms:
        norm.momentum = 0.1
        norm.eval()


def write(folder, name, size):
    net = EmbeddingNet(name).eval()
    fill(net)
    images = make_images(size)
    calibrate(net, normalized(images))
    state = net.state_dict()
    torch.save(state, os.path.join(folder, "zip.pth"))
    parallel = type(state)((f"module.{key}", tensor) for key, tensor in state.items())
    torch.save(parallel, os.path.join(folder, "legacy.pth"), _use_new_zipfile_serialization=False)
    write_safetensors(os.path.join(folder, "plain.safetensors"), state)
    # PRESERVE: otherwise batch normalization is folded away, and the parameters with it.
    torch.onnx.export(
        net,
        torch.zeros(1, 3, EXPORT_SIZE, EXPORT_SIZE),
        os.path.join(folder, "model.onnx"),
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
        opset_version=13,
    )
    images.tofile(os.path.join(folder, "images.bin"))
    net(normalized(images)).numpy().tofile(os.path.join(folder, "written.bin"))


def load(folder, name, size):
    """As in the README: torchvision's model with the head beside it."""
    model = backbone(name)
    model.dense = torch.nn.Linear(FEAT_DIM, EMBED_DIM)
    state = read_safetensors(os.path.join(folder, "weights.safetensors"))
    model.load_state_dict(state, strict=True)
    if list(state) != list(model.state_dict()):
        sys.exit("the tensors are those of torchvision's state_dict, but in another order")
    model.eval()
    images = numpy.fromfile(os.path.join(folder, "images.bin"), numpy.uint8).reshape(IMAGES, size, size, 3)
    embeddings = torch.nn.functional.normalize(model.dense(model(normalized(images))), dim=1)
    embeddings.numpy().tofile(os.path.join(folder, "loaded.bin"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("job", choices=["write", "load"])
    parser.add_argument("folder")
    parser.add_argument("--model", required=True)
    parser.add_argument("--size", type=int, required=True)
    options = parser.parse_args()
    with torch.no_grad():
        {"write": write, "load": load}[options.job](options.folder, options.model, options.size)


if __name__ == "__main__":
    main()
