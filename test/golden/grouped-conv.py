"""Writes grouped-conv.json: PyTorch's Conv2d and BatchNorm2d of running statistics, in groups and dilated, in float64.
python3 grouped-conv.py > grouped-conv.json"""
import json

import torch

torch.manual_seed(9)
CASES = [
    {"name": "depthwise", "channels": 6, "out": 6, "kernel": 3, "stride": 1, "padding": 1, "dilation": 1, "groups": 6},
    {"name": "depthwise, two filters a channel", "channels": 4, "out": 8, "kernel": 3, "stride": 2, "padding": 1, "dilation": 1, "groups": 4},
    {"name": "two groups, 1x1", "channels": 4, "out": 6, "kernel": 1, "stride": 1, "padding": 0, "dilation": 1, "groups": 2},
    {"name": "dilated", "channels": 3, "out": 4, "kernel": 3, "stride": 1, "padding": 2, "dilation": 2, "groups": 1},
    {"name": "dilated by axis, three groups", "channels": 6, "out": 3, "kernel": [3, 2], "stride": [1, 2], "padding": [3, 0], "dilation": [3, 1], "groups": 3},
]
SIZE = (2, 5, 4)
flat = lambda tensor: [float(f"{x:.7g}") for x in tensor.detach().flatten()]

cases = []
for case in CASES:
    pair = lambda v: tuple(v) if isinstance(v, list) else v
    sizes = {key: pair(case[key]) for key in ("kernel", "stride", "padding", "dilation")}
    conv = torch.nn.Conv2d(case["channels"], case["out"], sizes["kernel"], sizes["stride"], sizes["padding"], sizes["dilation"], case["groups"]).double()
    bn = torch.nn.BatchNorm2d(case["out"]).double().eval()
    for tensor in (bn.weight.data, bn.bias.data, bn.running_mean):
        tensor.normal_()
    bn.running_var.uniform_(0.5, 2)
    n, height, width = SIZE
    x = torch.randn(n, case["channels"], height, width, dtype=torch.float64, requires_grad=True)
    y = conv(x)
    normalized = bn(y)
    dy = torch.randn_like(y)
    tensors = {"x": x, "y": y, "normalized": normalized, "dy": dy}
    params = {f"conv.{k}": v for k, v in conv.state_dict().items()}
    params.update({f"bn.{k}": v for k, v in bn.state_dict().items() if k != "num_batches_tracked"})
    grads = dict(zip(("x", "conv.weight", "conv.bias"), torch.autograd.grad(y, (x, conv.weight, conv.bias), dy)))
    dump = lambda group: {k: {"shape": list(v.shape), "data": flat(v)} for k, v in group.items()}
    fan_in = torch.nn.init._calculate_fan_in_and_fan_out(conv.weight)[0]
    cases.append({"options": case, "fan_in": fan_in, "tensors": dump(tensors), "params": dump(params), "gradients": dump(grads)})
print(json.dumps({"torch": torch.__version__, "cases": cases}))
