"""The cells of the table without a case, with the reason; every other cell must have some."""

from __future__ import annotations

from conformance.losses import LOSSES

_UNDECLARED = {loss.function for loss in LOSSES} - {
    "huber_loss", "cross_entropy", "nll_loss", "linear_cross_entropy", "multi_margin_loss",
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
_OF_MODULE = (
    "m.value", "m.reference", "m.gradient", "m.gaps", "m.memory", "m.mem.grad", "m.copies",
    "m.identity", "m.to",
)  # fmt: skip
_IMAGES = ("memory", "mem.grad", "m.memory", "m.mem.grad")
_LABELLED = ("multi_margin_loss", "multilabel_margin_loss")
_BY_REASON |= {
    "torch's rows cannot become images": [
        (f, category)
        for f in (*_LABELLED, "cosine_embedding_loss", "ctc_loss")
        for category in _IMAGES
    ],
    "torch's samples cannot become images": [
        (f, category)
        for f in ("hinge_embedding_loss", "margin_ranking_loss")
        for category in ("m.memory", "m.mem.grad")
    ],
    "torch has no such derivative or dtype": [
        (f, category)
        for f in (*_LABELLED, "ctc_loss")
        for category in ("double", "forward", "fwd-rev", "f.jvp", "hessian", "meta", "m.to")
    ],
    "torch reads lengths, which neither a planner nor a compiler has": [
        ("ctc_loss", category) for category in ("fake", "compile", "inductor")
    ],
    "torch has no samples of the module": [
        (f, category)
        for f in ("triplet_margin_loss", "triplet_margin_with_distance_loss")
        for category in _OF_MODULE
    ],
    "torch's criterion test has single precision, or does not exist": [
        ("margin_ranking_loss", "criterion"),
        ("triplet_margin_with_distance_loss", "criterion"),
        ("ctc_loss", "criterion"),
    ],
}
EMPTY = {cell: reason for reason, cells in _BY_REASON.items() for cell in cells}
