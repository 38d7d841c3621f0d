"""Runs Triton's own intermediate code on a CPU, one program after the other.

The interpreter runs a kernel's Python; this runs what Triton's compiler made of it: its types, its
constants, its choice of functions. Every address is checked. Sums may be added in another order
than a device's, and no product and sum are fused.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

TYPES = {
    "f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32, "f64": torch.float64,
    "i1": torch.bool, "i8": torch.int8, "i32": torch.int32, "i64": torch.int64,
}  # fmt: skip
BITS = {"f32": ("<I", "<f"), "f64": ("<Q", "<d"), "bf16": ("<I", "<f"), "f16": ("<H", "<e")}


class Pointer(NamedTuple):
    """Places in a flat memory."""

    memory: Tensor
    places: Tensor


class Operation(NamedTuple):
    """One operation: what it is called, its text, and the blocks of operations inside it."""

    results: list[str]
    name: str
    text: str
    inside: list[list[Any]]


def run(ttir: str, arguments: dict[str, Any], programs: int) -> None:
    """Run a kernel on tensors and whole numbers, by the names of its parameters."""
    lines = iter(_lines(ttir))
    signature = next(line for line in lines if line.startswith("tt.func"))
    types = dict(re.findall(r"(%[\w-]+): (!tt\.ptr<\w+>|\w+)", signature))
    blocks = _blocks(lines)
    for program in range(programs):
        names = {name: _argument(arguments[name[1:]], kind) for name, kind in types.items()}
        names["program"] = torch.tensor(program, dtype=torch.int32)
        _run_function(blocks, names)


def _lines(ttir: str) -> Iterator[str]:
    for line in ttir.splitlines():
        text = re.sub(r' loc\((?:"[^"]*"\()?[^()]*\)?\)', "", line).strip()
        if text and not text.startswith(("#", "module")):
            yield text


def _argument(value: Any, kind: str) -> Any:
    if not isinstance(value, Tensor):
        return torch.tensor(value, dtype=TYPES[kind])
    inner = TYPES[re.fullmatch(r"!tt\.ptr<(\w+)>", kind)[1]]
    assert value.dtype == inner, (kind, value.dtype)
    flat = value.as_strided((value.untyped_storage().nbytes() // value.itemsize,), (1,), 0)
    return Pointer(flat, torch.tensor(value.storage_offset()))


def _blocks(lines: Iterator[str]) -> dict[str, list[Operation]]:
    """Read the function's blocks, by their labels."""
    blocks: dict[str, list[Operation]] = {"": []}
    label = ""
    for line in lines:
        if line.startswith("}"):
            return blocks
        if line.startswith("^"):
            label = re.match(r"\^\w+", line)[0]
            blocks[label] = []
            continue
        blocks[label].append(_operation(line, lines))
    raise AssertionError("a function does not end")


def _operation(line: str, lines: Iterator[str]) -> Operation:
    found = re.match(r'(?:(%[\w-]+)(?::(\d+))? = )?"?([a-z]+\.[\w.]+)"?(.*)', line)
    assert found, line
    name, count, kind, text = found.groups()
    results = [f"{name}#{i}" for i in range(int(count))] if count else [name] if name else []
    inside: list[list[Any]] = []
    if line.endswith(("{", "({")):
        inside.append([])
        for inner in lines:
            if inner.startswith("} else {"):
                inside.append([])
            elif inner.startswith("}"):
                text += " " + inner
                break
            elif not inner.startswith("^"):
                inside[-1].append(_operation(inner, lines))
    return Operation(results, kind, text, inside)


def _run_function(blocks: dict[str, list[Operation]], names: dict[str, Any]) -> None:
    label = ""
    while True:
        for operation in blocks[label]:
            if operation.name == "tt.return":
                return
            if operation.name == "cf.cond_br":
                condition, yes, no = re.match(
                    r" (%[\w-]+), (\^\w+), (\^\w+)", operation.text
                ).groups()
                label = yes if names[condition] else no
                break
            if operation.name == "cf.br":
                label = re.match(r" (\^\w+)", operation.text)[1]
                break
            _run(operation, names)


def _run_all(operations: list[Operation], names: dict[str, Any]) -> list[Any]:
    """Run a block; return what it yields."""
    for operation in operations:
        if operation.name == "scf.yield":
            return [names[name] for name in _operands(operation.text.split(":")[0])]
        _run(operation, names)
    return []


def _operands(text: str) -> list[str]:
    return re.findall(r"%[\w-]+(?:#\d+)?", text)


def _run(operation: Operation, names: dict[str, Any]) -> None:
    results = _STRUCTURE.get(operation.name, _plain)(operation, names)
    for name, value in zip(operation.results, results, strict=True):
        names[name] = value


def _plain(operation: Operation, names: dict[str, Any]) -> list[Any]:
    head, _, kind = operation.text.rpartition(" : ")
    given = [names[name] for name in _operands(head)]
    result = kind.rpartition("->")[2].rpartition(" to ")[2].strip()
    if operation.name == "arith.constant":
        return [_constant(head, result)]
    if operation.name.endswith(".barrier"):  # a block has one thread here
        return []
    if operation.name == "tt.get_program_id":
        return [names["program"]]
    return [_COMPUTED[operation.name](given, head, result)]


def _shape(kind: str) -> list[int]:
    found = re.match(r"tensor<((?:\d+x)*)", kind)
    return [int(n) for n in found[1].split("x")[:-1]] if found else []


def _dtype(kind: str) -> torch.dtype:
    return TYPES[re.search(r"(?:x|^|<)(b?[fi]\d+)>?$", kind)[1]]


def _constant(head: str, kind: str) -> Tensor:
    text = re.search(r"dense<(.*)>|(\S+)$", head)
    text = text[1] or text[2]
    dtype = _dtype(kind)
    code = next(name for name, each in TYPES.items() if each == dtype)
    value: Any
    if text in ("true", "false"):
        value = text == "true"
    elif text.startswith("0x") and dtype.is_floating_point:
        digits = int(text, 16) << (16 if code == "bf16" else 0)
        whole, real = BITS[code]
        (value,) = struct.unpack(real, struct.pack(whole, digits))
    else:
        value = float(text) if dtype.is_floating_point else int(text, 0)
    return torch.full(_shape(kind), value, dtype=dtype)


def _load(given: list[Any], head: str, kind: str) -> Tensor:
    pointer = given[0]
    mask = given[1] if len(given) > 1 else torch.ones(pointer.places.shape, dtype=torch.bool)
    places = pointer.places[mask] if mask.shape == pointer.places.shape else pointer.places
    assert ((places >= 0) & (places < len(pointer.memory))).all(), "read outside"
    poison = torch.full_like(pointer.places, 7, dtype=pointer.memory.dtype)
    out = given[2].clone() if len(given) > 2 else poison
    out[mask] = pointer.memory[places]
    return out


def _store(operation: Operation, names: dict[str, Any]) -> list[Any]:
    pointer, value, *masks = (names[n] for n in _operands(operation.text.rpartition(" : ")[0]))
    mask = masks[0] if masks else torch.ones(pointer.places.shape, dtype=torch.bool)
    places = pointer.places[mask]
    assert ((places >= 0) & (places < len(pointer.memory))).all(), "written outside"
    assert len(places.unique()) == places.numel(), "written twice"
    assert value.dtype == pointer.memory.dtype, (value.dtype, pointer.memory.dtype)
    pointer.memory[places] = value[mask]
    return []


def _for(operation: Operation, names: dict[str, Any]) -> list[Any]:
    head = re.match(r" (%[\w-]+) = (\S+) to (\S+) step (\S+)", operation.text)
    variable, *bounds = head.groups()
    low, high, step = (int(names[name]) for name in bounds)
    carried = re.search(r"iter_args\((.*?)\)", operation.text)
    pairs = re.findall(r"(%[\w-]+) = (%[\w-]+(?:#\d+)?)", carried[1]) if carried else []
    values = [names[start] for _, start in pairs]
    dtype = names[bounds[0]].dtype
    for index in range(low, high, step):
        names[variable] = torch.tensor(index, dtype=dtype)
        names.update(zip((name for name, _ in pairs), values, strict=True))
        values = _run_all(operation.inside[0], names)
    return values


def _if(operation: Operation, names: dict[str, Any]) -> list[Any]:
    condition = names[_operands(operation.text)[0]]
    chosen = (
        operation.inside[0 if condition else 1] if len(operation.inside) > 1 or condition else []
    )
    return _run_all(chosen, names)


def _reduce(operation: Operation, names: dict[str, Any]) -> list[Any]:
    head = operation.text.split("<{")[0]
    (value,) = (names[name] for name in _operands(head))
    axis = int(re.search(r"axis = (\d+)", operation.text)[1])
    if value.shape[axis] == 1:
        return [value.squeeze(axis)]
    (kind,) = (o.name for o in operation.inside[0] if o.name != "tt.reduce.return")
    if kind == "arith.maxnumf":  # a NaN counts only where there is nothing else
        return [value.nan_to_num(-torch.inf, torch.inf, -torch.inf).amax(axis)]
    assert kind in ("arith.addf", "arith.addi"), kind
    return [value.sum(axis, dtype=value.dtype)]


def _compare(given: list[Any], head: str, kind: str) -> Tensor:
    a, b = given
    return _ORDERS[re.match(r" (\w+),", head)[1]](a, b)


_ORDERS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    **dict.fromkeys(("oeq", "eq"), torch.eq), **dict.fromkeys(("une", "ne"), torch.ne),
    **dict.fromkeys(("olt", "slt"), torch.lt), **dict.fromkeys(("ole", "sle"), torch.le),
    **dict.fromkeys(("ogt", "sgt"), torch.gt), **dict.fromkeys(("oge", "sge"), torch.ge),
}  # fmt: skip
_STRUCTURE: dict[str, Callable[[Operation, dict[str, Any]], list[Any]]] = {
    "tt.store": _store, "scf.for": _for, "scf.if": _if, "tt.reduce": _reduce,
}  # fmt: skip


def _moved(given: list[Any], head: str, kind: str) -> Pointer:
    pointer, places = given
    assert places.dtype == torch.int64 or not places.dim(), "an address of 32 bits"
    return Pointer(pointer.memory, pointer.places + places)


def _shaped(change: Callable[[Tensor, str, list[int]], Tensor]) -> Callable[..., Any]:
    def shaped(given: list[Any], head: str, kind: str) -> Any:
        (value,) = given
        if isinstance(value, Pointer):
            return Pointer(value.memory, change(value.places, head, _shape(kind)))
        return change(value, head, _shape(kind))

    return shaped


def _cast(given: list[Any], head: str, kind: str) -> Tensor:
    return given[0].to(_dtype(kind))


def _by(function: Callable[..., Any]) -> Callable[..., Any]:
    def computed(given: list[Any], head: str, kind: str) -> Any:
        result = function(*given)
        assert result.dtype == given[-1].dtype, (result.dtype, head)
        return result

    return computed


def _shifted(a: Tensor, b: Tensor) -> Tensor:
    return torch.bitwise_left_shift(a, b)


_COMPUTED: dict[str, Callable[..., Any]] = {
    "arith.addf": _by(torch.add), "arith.addi": _by(torch.add), "arith.subf": _by(torch.sub),
    "arith.subi": _by(torch.sub), "arith.mulf": _by(torch.mul), "arith.muli": _by(torch.mul),
    "arith.divf": _by(torch.div), "tt.precise_divf": _by(torch.div), "arith.negf": _by(torch.neg),
    "arith.andi": _by(torch.bitwise_and), "arith.ori": _by(torch.bitwise_or),
    "arith.xori": _by(torch.bitwise_xor), "arith.shli": _by(_shifted),
    "arith.divsi": _by(lambda a, b: torch.div(a, b, rounding_mode="trunc")),
    "arith.remsi": _by(torch.fmod), "arith.select": _by(torch.where),
    "arith.maxnumf": _by(torch.fmax), "math.absf": _by(torch.abs), "math.exp2": _by(torch.exp2),
    "math.sqrt": _by(torch.sqrt), "tt.precise_sqrt": _by(torch.sqrt),
    "arith.cmpf": _compare, "arith.cmpi": _compare, "tt.load": _load, "tt.addptr": _moved,
    "tt.bitcast": lambda given, head, kind: given[0].view(_dtype(kind)),
    "tt.splat": _shaped(lambda t, head, shape: t.expand(shape)),
    "tt.broadcast": _shaped(lambda t, head, shape: t.expand(shape)),
    "tt.expand_dims": _shaped(lambda t, head, shape: t.reshape(shape)),
    "tt.make_range": lambda given, head, kind: torch.arange(
        int(re.search(r"end = (\d+)", head)[1]), dtype=torch.int32
    ),
    **dict.fromkeys(
        ("arith.extf", "arith.truncf", "arith.sitofp", "arith.extsi", "arith.extui"), _cast
    ),
}  # fmt: skip
