"""Writes clip.json: a few steps of SGD and Adam in PyTorch with torch.nn.utils.clip_grad_norm_. python3 clip.py > clip.json"""
import json

import torch

SHAPES = [[3, 4], [5], [2, 3, 2, 2]]
STEPS = 3
torch.manual_seed(5)
start = [torch.randn(shape) for shape in SHAPES]
# Long, short and long gradients: the second is not clipped.
gradients = [[scale * torch.randn(shape) for shape in SHAPES] for scale in (3.0, 0.01, 40.0)]
optimizers = {
    "sgd": lambda params: torch.optim.SGD(params, lr=0.1, momentum=0.9, weight_decay=0.01),
    "adam": lambda params: torch.optim.Adam(params, lr=0.1, weight_decay=0.01),
}
flat = lambda tensors: [float(x) for tensor in tensors for x in tensor.flatten()]

cases = []
for kind, make in optimizers.items():
    for max_norm in (0.5, 2.5):
        params = [torch.nn.Parameter(tensor.clone()) for tensor in start]
        optimizer = make(params)
        norms, clipped = [], []
        for step in gradients:
            for param, gradient in zip(params, step):
                param.grad = gradient.clone()
            norms.append(float(torch.nn.utils.clip_grad_norm_(params, max_norm)))
            clipped.append(flat(param.grad for param in params))
            optimizer.step()
        final = flat(param.data for param in params)
        cases.append({"kind": kind, "max_norm": max_norm, "norms": norms, "clipped": clipped, "final": final})
print(
    json.dumps(
        {
            "torch": torch.__version__,
            "shapes": SHAPES,
            "lr": 0.1,
            "momentum": 0.9,
            "weight_decay": 0.01,
            "start": flat(start),
            "gradients": [flat(step) for step in gradients],
            "cases": cases,
        }
    )
)
