"""The kinds of errors in the arguments of losses that are no tensors' shapes, dtypes or values."""

from __future__ import annotations

from neglog.errors import ArgumentError


class OptionError(
    ArgumentError,
    code="NL101",
    cause="A misspelt choice, a number out of its range, or text where a number is required.",
    remedy="Pass one of the values that the message lists.",
    example="neglog.HuberLoss(delta=-1.0)",
):
    """An option of a loss has an invalid value."""


class MissingArgumentError(
    ArgumentError,
    code="NL102",
    cause="The loss or the requested output requires an argument that was not passed.",
    remedy="Pass the argument that the message names.",
    example='F.linear_statistics(torch.ones(4, 8), torch.ones(3, 8), outputs=["nll"])',
):
    """A required argument is missing."""


class UnknownNameError(
    ArgumentError,
    code="NL103",
    cause="A misspelt likelihood, setting or output, or one of another loss.",
    remedy="Choose one of the names that the message lists.",
    example="import neglog.finding\n\nneglog.finding.find('gausian')",
):
    """No likelihood, setting or output has this name."""


class IncompatibleOptionsError(
    ArgumentError,
    code="NL104",
    cause="One option defines what the other one would change, such as a softcap and a margin.",
    remedy="Leave out one of the two.",
    example="F.linear_cross_entropy(\n"
    "    torch.ones(4, 8), torch.ones(3, 8), torch.zeros(4).long(), margin=0.2\n)",
):
    """Two options exclude each other."""


class TensorExpectedError(
    ArgumentError,
    code="NL105",
    cause="A list, an array of NumPy, or a sparse or nested tensor.",
    remedy="Pass a dense `torch.Tensor`, for example with `torch.as_tensor`.",
    example="F.mse_loss([1.0, 2.0], torch.zeros(2))",
):
    """An argument is not a dense tensor."""


class CalledClassError(
    ArgumentError,
    code="NL106",
    cause="`MSELoss(x, y)` creates a module from options; it computes no loss.",
    remedy="Create the module first: `MSELoss()(x, y)`, or call `neglog.functional.mse_loss`.",
    example="neglog.MSELoss(torch.zeros(2), torch.zeros(2))",
):
    """A class was called like a function."""


class ReductionError(
    ArgumentError,
    code="NL107",
    cause="A misspelt reduction, or one passed by position, where torch has `size_average`.",
    remedy='Pass `reduction="mean"`, `"sum"`, `"none"` or `"batchmean"` by name.',
    example='neglog.MSELoss("sum")',
):
    """The reduction is invalid."""


class NormalizerError(
    ArgumentError,
    code="NL108",
    cause="The divisor of a mean is 0, negative or no single number, or the reduction has none; "
    "sample weights that cancel, such as advantages, sum to 0.",
    remedy="Pass a number above 0, such as `normalizer=len(batch)`, with the reduction mean.",
    example="F.mse_loss(torch.zeros(2), torch.zeros(2), normalizer=0.0)",
):
    """A mean has no valid divisor."""


class IgnoreIndexError(
    ArgumentError,
    code="NL109",
    cause="`ignore_index` is not a number, is NaN, or the target holds probabilities.",
    remedy="Pass the label that marks what to ignore, or a mask: `mask=~target.isnan()`.",
    example='neglog.CrossEntropyLoss(ignore_index="pad")',
):
    """`ignore_index` is invalid, or does not apply."""


class MaskError(
    ArgumentError,
    code="NL110",
    cause="A mask of numbers, which might be weights.",
    remedy="Pass `mask.bool()`, or weights as `sample_weight`.",
    example="F.mse_loss(torch.zeros(2), torch.zeros(2), mask=torch.tensor([1.0, 0.0]))",
):
    """A mask is not a boolean tensor."""


class WeightError(
    ArgumentError,
    code="NL111",
    cause="A weight is negative, infinite, NaN or no number; 1 / 0 gives the weight of a class "
    "that has no row.",
    remedy="Pass finite numbers of 0 or more; give absent classes the weight 0.",
    example='neglog.CrossEntropyLoss(weight=[1.0, float("inf")])',
):
    """A weight is not a finite number of 0 or more."""


class ConstantError(
    ArgumentError,
    code="NL112",
    cause="The loss does not differentiate this argument, so its gradient would be silently 0.",
    remedy="Pass `tensor.detach()`.",
    example="w = torch.ones(2, requires_grad=True)\n"
    "F.binary_cross_entropy_with_logits(torch.zeros(2), torch.ones(2), pos_weight=w)",
):
    """A tensor that is a constant of the loss requires a gradient."""


class SetupError(
    ArgumentError,
    code="NL113",
    cause="The model is no module, the criterion is no function of tensors, or the loader does not "
    "yield pairs of tensors.",
    remedy="Pass `(criterion, input, target)` or `(model, criterion, loader)`.",
    example="neglog.check(torch.nn.Linear(2, 1), neglog.MSELoss(), [])",
):
    """`neglog.check` cannot use a training set-up."""


class DeviceError(
    ArgumentError,
    code="NL116",
    cause="A weight or a target stayed on the CPU when the model moved to a GPU.",
    remedy="Pass `tensor.to(input.device)`; a module's own weights move with `module.to(device)`.",
    example='F.mse_loss(torch.zeros(2, device="meta"), torch.zeros(2))',
):
    """Tensors are on different devices."""


class LanguageModelError(
    ArgumentError,
    AttributeError,  # `hasattr` then finds that logits that are not computed lack a method
    code="NL117",
    cause="Its head is not linear, it uses its logits before the loss, or it is wrapped.",
    remedy="Patch the model before it is wrapped; or leave it unpatched.",
    example="neglog.patch(torch.nn.Linear(2, 3))",
):
    """A model cannot be served by `neglog.patch`."""


class PlanError(
    ArgumentError,
    code="NL118",
    cause="There is no process group yet, a name is not a dimension of the mesh, a process is in "
    "two groups, or processes call different losses.",
    remedy="Start the processes with `torchrun`, call `torch.distributed.init_process_group`, and "
    "pass groups whose processes hold different parts.",
    example='neglog.distributed.Plan(rows="dp", gradients="averaged")',
):
    """A plan does not describe the processes of torch.distributed."""
