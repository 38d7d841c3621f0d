"""The cells of the table without a case, with the reason; every other cell must have some."""

from __future__ import annotations

from conformance.losses import LOSSES

_UNDECLARED = {loss.function for loss in LOSSES} - {
    "huber_loss", "cross_entropy", "nll_loss", "linear_cross_entropy",
}  # fmt: skip
_BY_REASON = {
    "torch declares no wrong call of the module": [(f, "m.errors") for f in _UNDECLARED],
    "torch has no criterion test": [
        ("gaussian_nll_loss", "criterion"),
        ("cross_entropy", "criterion"),
        ("log_softmax", "criterion"),
        ("linear_cross_entropy", "criterion"),
    ],
    "torch looks at the values of var, which a transform or a planner has not": [
        ("gaussian_nll_loss", "vmap"),
        ("gaussian_nll_loss", "vmap(grad)"),
        ("gaussian_nll_loss", "meta"),
        ("gaussian_nll_loss", "fake"),
    ],
    "torch has no forward derivative of the backward": [
        ("huber_loss", "fwd-rev"),
        ("soft_margin_loss", "fwd-rev"),
        ("soft_margin_loss", "hessian"),
    ],
    "torch has no derivative by the target": [("soft_margin_loss", "all leaves")],
    "torch's backward refuses channels-last": [
        ("nll_loss", "mem.grad"),
        ("nll_loss", "m.mem.grad"),
    ],
    "torch's layer takes no images": [
        ("linear_cross_entropy", category)
        for category in ("memory", "mem.grad", "m.memory", "m.mem.grad")
    ],
    "the samples cannot become images: their var has a size of its own": [
        ("gaussian_nll_loss", "m.memory"),
        ("gaussian_nll_loss", "m.mem.grad"),
    ],
}
EMPTY = {cell: reason for reason, cells in _BY_REASON.items() for cell in cells}
