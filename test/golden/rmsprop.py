"""Writes rmsprop.json: five steps of RMSprop in PyTorch, with and without weight decay. python3 rmsprop.py > rmsprop.json"""
import json

import torch

LENGTH = 12
STEPS = 5
torch.manual_seed(3)
start = torch.randn(LENGTH)
gradients = [scale * torch.randn(LENGTH) for scale in (1.0, 0.01, 0.0, 30.0, 1.0)]

cases = []
for alpha, eps, weight_decay in ((0.99, 1e-8, 0.0), (0.9, 1e-3, 0.05)):
    parameter = torch.nn.Parameter(start.clone())
    optimizer = torch.optim.RMSprop([parameter], lr=0.02, alpha=alpha, eps=eps, weight_decay=weight_decay)
    after = []
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optimizer.step()
        after.append(parameter.data.tolist())
    average = optimizer.state[parameter]["square_avg"].tolist()
    cases.append({"alpha": alpha, "epsilon": eps, "weight_decay": weight_decay, "after": after, "square_avg": average})
print(
    json.dumps(
        {
            "torch": torch.__version__,
            "lr": 0.02,
            "start": start.tolist(),
            "gradients": [gradient.tolist() for gradient in gradients],
            "cases": cases,
        }
    )
)
