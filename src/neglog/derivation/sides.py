"""The mean of the derivatives from both sides, which differ at the kinks of a loss."""

from __future__ import annotations

from neglog.derivation.graph import Node

_FEW = 12  # operations


class Sides:
    """Chooses between the derivatives from both sides, so that results share operations.

    Args:
        smooth: whether the two are equal, although their forms may differ at ties.
    """

    def __init__(self, smooth: bool) -> None:
        self._smooth = smooth
        self._known: set[Node] = set()

    def chosen(self, right: Node, left: Node) -> Node:
        """Return the mean of two one-sided derivatives, or one of them if they are equal.

        Operations on the difference are moved out of it. If much would have to be computed on both
        sides, as where kinks are inside of other functions, it is the derivative from one side.
        """
        result = None if self._smooth else _merged(right, left)
        if result is None:
            costs = [len(_operations(side) - self._known) for side in (right, left)]
            result = left if costs[1] < costs[0] else right
        self._known |= _operations(result)
        return result


def _merged(right: Node, left: Node) -> Node | None:
    if right is left:
        return right
    if right.op == left.op and right.op in _LINEAR:
        jumps = right.op == "where" and right.args[0] is not left.args[0]
        merged = (_at_tie if jumps else _merged_operands)(right, left)
        if merged is not None:
            return merged
    if len(_operations(left) - _operations(right)) > _FEW:
        return None
    return 0.5 * right + 0.5 * left


_LINEAR = ("+", "-", "*", "/", "negative", "where")


def _merged_operands(right: Node, left: Node) -> Node | None:
    """Return the operation on the means of its operands, if it is linear in those that differ."""
    differ = [i for i, (a, b) in enumerate(zip(right.args, left.args, strict=True)) if a is not b]
    if (right.op == "*" and len(differ) > 1) or (right.op == "/" and differ != [0]):
        return None
    parts = [_merged(a, b) for a, b in zip(right.args, left.args, strict=True)]
    present = [part for part in parts if part is not None]
    return right.graph.build(right.op, *present) if len(present) == len(parts) else None


def _at_tie(right: Node, left: Node) -> Node | None:
    """Return a choice with a third case, the tie, if the conditions differ there only."""
    graph = right.graph
    conditions = right.args[0], left.args[0]
    for (weak, strict), at in ((conditions, 0), (conditions[::-1], 1)):
        other = {(">=", ">"): "<", ("<=", "<"): ">"}.get((weak.op, strict.op))
        if other and _are(weak.args, strict.args):
            pairs = zip(right.args[1:], left.args[1:], strict=True)
            yes, no = (_merged(a, b) for a, b in pairs)
            if yes is None or no is None:
                return None
            chosen = (right.args[1], left.args[2]) if at == 0 else (left.args[1], right.args[2])
            tie = 0.5 * (chosen[0] + chosen[1])
            rest = graph.build("where", graph.build(other, *weak.args), no, tie)
            return graph.build("where", strict, yes, rest)
    return None


def _operations(root: Node) -> set[Node]:
    """Return all nodes that an expression computes."""
    found: set[Node] = set()

    def visit(node: Node) -> None:
        if node.args and node not in found:
            found.add(node)
            for operand in node.args:
                visit(operand)

    visit(root)
    return found


def _are(these: tuple[Node, ...], those: tuple[Node, ...]) -> bool:
    """Return whether all operands are the same nodes."""
    return all(a is b for a, b in zip(these, those, strict=True))
