"""What each of torchrun's processes does in test_patch.py: it compares sharded models."""

import json
import os
import sys
from pathlib import Path

import language_models as lm
import torch
from torch import distributed
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import Shard, distribute_tensor

import neglog


def worst(rank, mesh, tied, separate):
    """Return the largest difference of gradients between FSDP2 and one process."""
    ours, theirs = lm.pair(tie_word_embeddings=tied)
    neglog.patch(ours)
    for layer in ours.model.layers:
        fully_shard(layer, mesh=mesh)
    if separate:
        fully_shard(ours.lm_head, mesh=mesh)
    fully_shard(ours, mesh=mesh)
    whole = lm.batch(rows=4)
    part = {name: tensor[2 * rank : 2 * rank + 2] for name, tensor in whole.items()}
    count = whole["labels"][:, 1:].ne(-100).sum()
    for _ in range(2):
        loss = ours(**part, num_items_in_batch=count).loss
        (loss * distributed.get_world_size()).backward()  # gradients are means of the processes'
    (2 * theirs(**whole, num_items_in_batch=count).loss).backward()
    pairs = zip(ours.parameters(), theirs.parameters(), strict=True)
    return max(float((p.grad.full_tensor() - q.grad).abs().max()) for p, q in pairs)


def refused(mesh):
    """Return why a head of tensor parallelism is not served."""
    model = neglog.patch(lm.model("llama"))
    weight = distribute_tensor(model.lm_head.weight.data, mesh, [Shard(0)])
    model.lm_head.weight = torch.nn.Parameter(weight)
    try:
        model(**lm.batch())
    except neglog.NeglogError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    distributed.init_process_group("gloo")
    rank, mesh = distributed.get_rank(), init_device_mesh("cpu", (2,))
    cases = [(tied, separate) for tied in (False, True) for separate in (False, True)]
    found = {str(case): worst(rank, mesh, *case) for case in cases if case != (True, True)}
    message = refused(mesh)
    Path(sys.argv[1], os.environ["RANK"]).write_text(json.dumps({**found, "refused": message}))
    distributed.destroy_process_group()
