"""The kinds of errors in the shapes, dtypes and values of tensors."""

from __future__ import annotations

from neglog.errors import ArgumentError, DtypeError, ShapeError, SupportError


class TargetShapeError(
    ShapeError,
    code="NL201",
    cause="A prediction (N, 1) and a target (N,) would broadcast to (N, N).",
    remedy="Use `squeeze` or `unsqueeze`, so that the two have one shape.",
    example="F.mse_loss(torch.zeros(4, 1), torch.zeros(4))",
):
    """Two tensors that belong together, such as input and target, differ in shape."""


class LabelShapeError(
    ShapeError,
    code="NL202",
    cause="One-hot rows where labels are required, a dimension too many, or classes in the last "
    "dimension.",
    remedy="Use `target.argmax(1)` or `target.squeeze(1)`, or pass `class_dim=-1`.",
    example="F.cross_entropy(torch.zeros(4, 3), torch.zeros(4, 1, dtype=torch.long))",
):
    """Class labels do not fit the shape of the input."""


class InputShapeError(
    ShapeError,
    code="NL203",
    cause="The input has too few or too many dimensions, or a dimension of another size than the "
    "loss requires.",
    remedy="Reshape the input to the shape that the message states.",
    example="F.cross_entropy(torch.tensor(1.0), torch.tensor(0))",
):
    """The input does not have the dimensions that the loss requires."""


class SingleClassError(
    ShapeError,
    code="NL204",
    cause="A softmax over one class is always 1, and the loss always 0.",
    remedy="For one logit per row use `binary_cross_entropy_with_logits`.",
    example="F.cross_entropy(torch.zeros(4, 1), torch.zeros(4, dtype=torch.long))",
):
    """A softmax over fewer than two classes."""


class WeightShapeError(
    ShapeError,
    code="NL205",
    cause="A weight, mask or other tensor has one value per row, class or element, but not as many "
    "as the input.",
    remedy="Pass one value for each row, class or element, or a shape that broadcasts.",
    example="F.cross_entropy(\n"
    "    torch.zeros(4, 3), torch.tensor([0, 1, 2, 0]), weight=torch.ones(2)\n)",
):
    """A weight, mask or other tensor does not broadcast to the input."""


class LayerShapeError(
    ShapeError,
    code="NL206",
    cause="The weight of the linear layer is transposed, or belongs to another layer.",
    remedy="Pass `layer.weight` (classes, features) and an input (…, features).",
    example="F.linear_cross_entropy(torch.ones(4, 8), torch.ones(8, 3), torch.zeros(4).long())",
):
    """The input and the weight of a linear layer do not fit together."""


class DimensionError(
    ArgumentError,
    SupportError,
    code="NL207",
    cause="`dim` or `class_dim` counts a dimension that the input does not have.",
    remedy="Pass a dimension between −d and d − 1 for an input of d dimensions.",
    example="F.cross_entropy(torch.zeros(4, 3), torch.zeros(4).long(), class_dim=2)",
):
    """The input has no such dimension."""


class DtypeMismatchError(
    DtypeError,
    code="NL301",
    cause="Targets that came as integers or float64, or a model in half precision.",
    remedy="Pass `target.to(input.dtype)`.",
    example="F.binary_cross_entropy_with_logits(torch.zeros(2), torch.tensor([0, 1]))",
):
    """Tensors that require one dtype have different ones."""


class LabelDtypeError(
    DtypeError,
    code="NL302",
    cause="Labels that a table or an array stored as floating numbers.",
    remedy="Pass `target.long()`; for probabilities of classes, pass one for each class.",
    example="F.cross_entropy(torch.zeros(2, 3), torch.tensor([0.0, 1.0]))",
):
    """Labels, indices or lengths are not integers."""


class InputDtypeError(
    DtypeError,
    code="NL303",
    cause="Labels or counts as the prediction, or complex numbers.",
    remedy="Pass floating predictions; swap prediction and target if their order is wrong.",
    example="F.cross_entropy(torch.zeros(2, 3).long(), torch.tensor([0, 1]))",
):
    """A prediction is not a real floating tensor."""


class ValueOutsideError(
    SupportError,
    code="NL401",
    cause="NaN from a missing value, logits where probabilities are required, a 0/255 mask, or "
    "−1/+1 labels.",
    remedy="Follow the remedy that the message states for the values it found.",
    example="F.binary_cross_entropy_with_logits(torch.zeros(2), torch.tensor([0.0, 255.0]))",
):
    """A value lies outside the support of the target or the domain of an input."""


class LabelError(
    SupportError,
    code="NL402",
    cause="Labels count from 1, or −1 or 255 marks what to ignore.",
    remedy="Subtract 1, or pass `ignore_index=`.",
    example="F.cross_entropy(torch.zeros(4, 3), torch.tensor([1, 2, 3, 3]))",
):
    """A label or an index is not one of the classes."""


class SequenceError(
    SupportError,
    code="NL403",
    cause="A length is negative or exceeds the tensor, or a target has more labels than frames.",
    remedy="Correct the lengths, or pass `zero_infinity=True` to skip such targets.",
    example="F.ctc_loss(\n"
    "    torch.zeros(2, 1, 3).log_softmax(-1), torch.tensor([[1, 2, 1]]),\n"
    "    torch.tensor([2]), torch.tensor([3]),\n)",
):
    """A sequence's length or target does not fit into its frames."""


class LogProbabilityError(
    SupportError,
    code="NL404",
    cause="Logits or probabilities where logarithms of probabilities are required.",
    remedy="Apply `log_softmax` over the classes first.",
    example="F.ctc_loss(\n"
    "    torch.ones(4, 1, 3), torch.tensor([[1]]), torch.tensor([4]), torch.tensor([1])\n)",
):
    """Logarithms of probabilities lie above 0."""


class MatrixError(
    SupportError,
    code="NL405",
    cause="A covariance matrix where its Cholesky factor is required.",
    remedy="Pass `torch.linalg.cholesky(covariance)`.",
    example="F.multivariate_normal_nll_loss(torch.zeros(2), -torch.eye(2), torch.zeros(2))",
):
    """A matrix is not lower triangular with a positive diagonal."""


class OrderError(
    ArgumentError,
    SupportError,
    code="NL406",
    cause="Thresholds that training moved past each other, or levels that are not sorted.",
    remedy="Sort them, or predict the first and the logarithms of the steps.",
    example="F.quantile_loss(\n"
    "    torch.zeros(4, 2), torch.zeros(4), quantile=[0.9, 0.1], non_crossing=True\n)",
):
    """Thresholds or levels do not increase."""
