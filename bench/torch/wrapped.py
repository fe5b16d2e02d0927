#!/usr/bin/env python3
"""PyTorch's side of the journey; journey.ts runs it. Needs torch, torchvision, numpy and PIL, and no other package.

    wrapped.py FOLDER --model resnet50 --size 64

Trains a network for a few steps, as people have it: in modules around it and in the middle of it, with momentum, a teacher that
follows, and objects of all kinds beside the weights. Writes data/{train,val}/CLASS/*.png; the files that `FILES` makes; and
`trained.bin` and `teacher.bin`, the embeddings of data/val in the order of their names, float32 [images, 128].
"""
import argparse
import collections
import copy
import enum
import os

import numpy
import torch
import torchvision
from PIL import Image

from peer import write_safetensors

FEAT_DIM, EMBED_DIM, CLASSES, EACH, STEPS, SEED = 512, 128, 4, 4, 3, 1
MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
EXPORT_SIZE = 224


class Mode(enum.Enum):
    FAST = 1


class Config(dict):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.frozen = True


class EmbeddingNet(torch.nn.Module):
    def __init__(self, name):
        super().__init__()
        self.base_net = torchvision.models.__dict__[name](num_classes=FEAT_DIM)
        self.dense = torch.nn.Linear(FEAT_DIM, EMBED_DIM)

    def forward(self, x):
        return torch.nn.functional.normalize(self.dense(self.base_net(x)), dim=1)


class Recomputed(torch.nn.Module):
    """Around a part of a network, as wrappers of activations and shards are."""

    def __init__(self, module):
        super().__init__()
        self._wrapped_module = module

    def forward(self, x):
        return self._wrapped_module(x)


class System(torch.nn.Module):
    """As Lightning's modules are: the network is an attribute, the loss has weights of its own."""

    def __init__(self, net):
        super().__init__()
        self.model = net
        self.classifier = torch.nn.Linear(EMBED_DIM, CLASSES)

    def forward(self, x):
        return self.model(x)


def make_images(folder, size):
    random = numpy.random.RandomState(SEED)
    batches = {}
    for split in ["train", "val"]:
        images = []
        for label in range(CLASSES):
            where = os.path.join(folder, "data", split, f"class{label}")
            os.makedirs(where)
            color = random.randint(0, 160, (2, 2, 3)).repeat(size // 2, 0).repeat(size // 2, 1)
            for i in range(EACH):
                image = (color + random.randint(0, 96, (size, size, 3))).astype(numpy.uint8)
                Image.fromarray(image).save(os.path.join(where, f"{i}.png"))
                images.append(image)
        batches[split] = torch.from_numpy(numpy.stack(images))
    return batches


def normalized(images):
    return ((images.float() / 255 - MEAN) / STD).permute(0, 3, 1, 2).contiguous()


def train(net, images):
    system = System(net).train()
    teacher = copy.deepcopy(net)
    optimizer = torch.optim.SGD(system.parameters(), lr=0.01, momentum=0.9)
    labels = torch.arange(CLASSES).repeat_interleave(EACH)
    for _ in range(STEPS):
        loss = torch.nn.functional.cross_entropy(8 * system.classifier(system(images)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for slow, fast in zip(teacher.state_dict().values(), net.state_dict().values()):
                slow.copy_(fast if not slow.is_floating_point() else 0.5 * slow + 0.5 * fast)
    return system, teacher, optimizer


def wrap_inside(net):
    """DataParallel around one stage, another wrapper around a stage and a single layer."""
    base = net.base_net
    base.layer1 = torch.nn.DataParallel(base.layer1)
    base.layer3 = Recomputed(base.layer3)
    base.layer2[0].conv1 = Recomputed(base.layer2[0].conv1)
    return net


def beside(optimizer):
    return {
        "args": argparse.Namespace(lr=0.01, device=torch.device("cpu"), mode=Mode.FAST),
        "best": numpy.float64(0.5),
        "dtype": torch.float16,
        "counts": collections.defaultdict(int, a=1),
        "config": Config(depth=50),
        "optimizer": optimizer.state_dict(),
        "scaler": numpy.arange(3),
    }


def lightning(net, system, teacher, optimizer):
    return {"epoch": 3, "state_dict": system.state_dict(), "hyper_parameters": beside(optimizer), "pytorch-lightning_version": "2.0"}


def dino(net, system, teacher, optimizer):
    return {"student": torch.nn.DataParallel(net).state_dict(), "teacher": teacher.state_dict(), **beside(optimizer)}


def middle(net, system, teacher, optimizer):
    inside = wrap_inside(copy.deepcopy(net))
    return {"runs": [3, {"best": {"model": torch.nn.DataParallel(inside).state_dict(), **beside(optimizer)}}]}


def whole(net, system, teacher, optimizer):
    return {"model": wrap_inside(copy.deepcopy(net)), **beside(optimizer)}


FILES = {"lightning.ckpt": lightning, "dino.pth": dino, "middle.pt": middle, "whole.pth": whole}


def hugging_face(state):
    """torchvision's names of a ResNet as transformers has them."""
    import re

    def name(theirs):
        name = re.sub(r"^conv1\.", "embedder.embedder.convolution.", theirs)
        name = re.sub(r"^bn1\.", "embedder.embedder.normalization.", name)
        name = re.sub(r"^layer(\d)\.(\d+)\.", lambda m: f"encoder.stages.{int(m[1]) - 1}.layers.{m[2]}.", name)
        name = re.sub(r"\.(conv|bn)(\d)\.", lambda m: f".layer.{int(m[2]) - 1}.{'normalization' if m[1] == 'bn' else 'convolution'}.", name)
        name = name.replace(".downsample.0.", ".shortcut.convolution.").replace(".downsample.1.", ".shortcut.normalization.")
        return re.sub(r"^fc\.", "classifier.1.", name) if name.startswith("fc.") else f"resnet.{name}"

    return {name(key): tensor for key, tensor in state.items() if tensor.is_floating_point()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--model", required=True)
    parser.add_argument("--size", type=int, required=True)
    options = parser.parse_args()
    at = lambda name: os.path.join(options.folder, name)
    torch.manual_seed(SEED)
    images = make_images(options.folder, options.size)
    net = EmbeddingNet(options.model)
    system, teacher, optimizer = train(net, normalized(images["train"]))
    with torch.no_grad():
        for name, network in [("trained", net.eval()), ("teacher", teacher.eval())]:
            network(normalized(images["val"])).numpy().tofile(at(f"{name}.bin"))
        for name, make in FILES.items():
            torch.save(make(net, system, teacher, optimizer), at(name))
        torch.save(lightning(net, system, teacher, optimizer), at("legacy.ckpt"), _use_new_zipfile_serialization=False)
        torch.save(whole(net, system, teacher, optimizer), at("whole-legacy.pth"), _use_new_zipfile_serialization=False)
        dense = {f"dense.{name}": tensor for name, tensor in net.dense.state_dict().items()}
        write_safetensors(at("hugging-face.safetensors"), {**hugging_face(net.base_net.state_dict()), **dense})
        # As the README says; normalization's weights are equal in many layers, and the exporter keeps one of them.
        torch.onnx.export(
            copy.deepcopy(net),
            torch.zeros(1, 3, EXPORT_SIZE, EXPORT_SIZE),
            at("kept.onnx"),
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
            opset_version=13,
        )
        torch.onnx.export(copy.deepcopy(net), torch.zeros(1, 3, EXPORT_SIZE, EXPORT_SIZE), at("folded.onnx"), opset_version=13)


main()
