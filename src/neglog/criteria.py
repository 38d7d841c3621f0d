"""The losses as modules: subclasses of torch's own, with the arithmetic of neglog.

Constructor, `repr`, pickling, `state_dict` and `isinstance` are therefore torch's. What torch does
not have goes by keyword: see `neglog.functional`. `empty`, `class_dim` and the `ignore_index` of
losses that have none in torch are given to the constructor; `mask`, `sample_weight` and
`normalizer` with every batch.
"""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from neglog import functional
from neglog.criterion import Criterion, OfPairs


class SSELoss(OfPairs, nn.modules.loss._Loss):
    """The sum of squared errors: see `neglog.functional.sse_loss`.

    >>> import torch
    >>> SSELoss()(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(4.)
    """

    _function = staticmethod(functional.sse_loss)

    def __init__(self, reduction: str = "sum", *, empty: str = "nan") -> None:
        super().__init__(reduction=reduction, empty=empty)


class MSELoss(OfPairs, nn.MSELoss):
    """The mean squared error: see `neglog.functional.mse_loss`.

    >>> import torch
    >>> MSELoss()(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(2.)
    """

    _function = staticmethod(functional.mse_loss)


class L1Loss(OfPairs, nn.L1Loss):
    """The mean absolute error: see `neglog.functional.l1_loss`.

    >>> import torch
    >>> L1Loss()(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(1.)
    """

    _function = staticmethod(functional.l1_loss)


class HuberLoss(OfPairs, nn.HuberLoss):
    """Squared errors up to delta, absolute ones beyond: see `neglog.functional.huber_loss`.

    >>> import torch
    >>> HuberLoss()(torch.tensor([0.0, 0.0]), torch.tensor([1.0, 3.0]))
    tensor(1.5000)
    """

    _function = staticmethod(functional.huber_loss)
    _passed_on = ("delta",)


class SmoothL1Loss(OfPairs, nn.SmoothL1Loss):
    """`HuberLoss` divided by its delta: see `neglog.functional.smooth_l1_loss`.

    >>> import torch
    >>> SmoothL1Loss(beta=2.0)(torch.tensor([0.0, 0.0]), torch.tensor([1.0, 3.0]))
    tensor(1.1250)
    """

    _function = staticmethod(functional.smooth_l1_loss)
    _passed_on = ("beta",)


class GaussianNLLLoss(Criterion, nn.GaussianNLLLoss):
    """A normal target of emitted variance: see `neglog.functional.gaussian_nll_loss`.

    >>> import torch
    >>> GaussianNLLLoss()(torch.tensor([0.0]), torch.tensor([2.0]), torch.tensor([4.0]))
    tensor(1.1931)
    """

    _function = staticmethod(functional.gaussian_nll_loss)
    _passed_on = ("full", "eps")

    def forward(
        self,
        input: Tensor,
        target: Tensor,
        var: Tensor | float,
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | float | None = None,
    ) -> Tensor:
        """Return the loss of means and variances against targets; see `MSELoss.forward`."""
        extras = {"mask": mask, "sample_weight": sample_weight, "normalizer": normalizer}
        return self._loss(input, target, var, **extras)


class PoissonNLLLoss(Criterion, nn.PoissonNLLLoss):
    """Counts: see `neglog.functional.poisson_nll_loss`.

    >>> import torch
    >>> PoissonNLLLoss(full="exact")(torch.tensor([0.0]), torch.tensor([2.0]))
    tensor(1.6931)
    """

    _function = staticmethod(functional.poisson_nll_loss)
    _passed_on = ("log_input", "full", "eps")

    def forward(
        self,
        log_input: Tensor,
        target: Tensor,
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | float | None = None,
    ) -> Tensor:
        """Return the loss of log-rates, or rates, against counts; see `MSELoss.forward`."""
        extras = {"mask": mask, "sample_weight": sample_weight, "normalizer": normalizer}
        return self._loss(log_input, target, **extras)


class KLDivLoss(OfPairs, nn.KLDivLoss):
    """Probabilities against log-probabilities: see `neglog.functional.kl_div`.

    >>> import torch
    >>> log_q, p = torch.tensor([[0.25, 0.75]]).log(), torch.tensor([[0.5, 0.5]])
    >>> KLDivLoss(reduction="batchmean")(log_q, p)
    tensor(0.1438)
    """

    _function = staticmethod(functional.kl_div)
    _passed_on = ("log_target",)


class BCELoss(OfPairs, nn.BCELoss):
    """Binary cross-entropy on probabilities: see `neglog.functional.binary_cross_entropy`.

    The network shows its probabilities, and its last layer is easy to change; prefer
    `BCEWithLogitsLoss` for its exactness.

    >>> import torch
    >>> BCELoss()(torch.tensor([0.5]), torch.tensor([1.0]))
    tensor(0.6931)
    """

    _function = staticmethod(functional.binary_cross_entropy)
    _passed_on = ("weight",)
    _added: ClassVar[dict[str, Any]] = {"ignore_index": None, "class_dim": None}


class BCEWithLogitsLoss(OfPairs, nn.BCEWithLogitsLoss):
    """Binary cross-entropy on logits: see `neglog.functional.binary_cross_entropy_with_logits`.

    >>> import torch
    >>> BCEWithLogitsLoss()(torch.tensor([20.0]), torch.tensor([1.0]))
    tensor(2.0612e-09)
    """

    _function = staticmethod(functional.binary_cross_entropy_with_logits)
    _passed_on = ("weight", "pos_weight")
    _added: ClassVar[dict[str, Any]] = {"ignore_index": None, "class_dim": None}


class SoftMarginLoss(OfPairs, nn.SoftMarginLoss):
    """Binary cross-entropy with labels −1 and +1: see `neglog.functional.soft_margin_loss`.

    >>> import torch
    >>> SoftMarginLoss()(torch.tensor([20.0]), torch.tensor([1.0]))
    tensor(2.0612e-09)
    """

    _function = staticmethod(functional.soft_margin_loss)
    _added: ClassVar[dict[str, Any]] = {"ignore_index": None}


class MultiLabelSoftMarginLoss(OfPairs, nn.MultiLabelSoftMarginLoss):
    """Many labels a sample: see `neglog.functional.multilabel_soft_margin_loss`.

    >>> import torch
    >>> MultiLabelSoftMarginLoss()(torch.tensor([[20.0, 0.0]]), torch.tensor([[1.0, 0.0]]))
    tensor(0.3466)
    """

    _function = staticmethod(functional.multilabel_soft_margin_loss)
    _passed_on = ("weight",)
    _added: ClassVar[dict[str, Any]] = {"ignore_index": None, "class_dim": -1}


class LogSoftmax(nn.LogSoftmax):
    """The logarithm of the softmax: see `neglog.functional.log_softmax`.

    `NLLLoss` on it is `CrossEntropyLoss` on the logits.

    >>> import torch
    >>> LogSoftmax(dim=0)(torch.tensor([0.0, 20.0]))
    tensor([-2.0000e+01, -2.0612e-09])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return log-probabilities of the input's shape."""
        return functional.log_softmax(input, self.dim)


class NLLLoss(OfPairs, nn.NLLLoss):
    """Minus the log-probability of the label: see `neglog.functional.nll_loss`.

    >>> import torch
    >>> NLLLoss()(torch.tensor([[-0.5, -1.0]]), torch.tensor([1]))
    tensor(1.)
    """

    _function = staticmethod(functional.nll_loss)
    _passed_on = ("weight", "ignore_index")
    _added: ClassVar[dict[str, Any]] = {"class_dim": 1}


class CrossEntropyLoss(OfPairs, nn.CrossEntropyLoss):
    """Cross-entropy of logits: see `neglog.functional.cross_entropy`.

    >>> import torch
    >>> CrossEntropyLoss()(torch.tensor([[0.0, 20.0]]), torch.tensor([1]))
    tensor(2.0612e-09)
    """

    _function = staticmethod(functional.cross_entropy)
    _passed_on = ("weight", "ignore_index", "label_smoothing")
    _added: ClassVar[dict[str, Any]] = {"class_dim": 1}
