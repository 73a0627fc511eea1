"""Single samples, plain gradient descent: the first layer's work for several steps at once.

With batch size 1 a step reads and writes the whole weight of the first layer for one product with a vector and one
update of rank 1. But the inputs x of the coming steps are known. With u_s the step of sample s (the weight changes by
-u_s x_s^T), the products of a block of samples are

    W_t x_t = W x_t - sum over s < t of (x_s . x_t) u_s

so that W x_t for all t, and the products of the samples with one another, are computed as two matrix products before
the block, and the updates as one after it. What is computed is the same; sums are added up in another order.

This is found in the graph: an input that is updated by w - rate * g x^T, where x is an argument, and which is read by
nothing else but the product x w^T.
"""

from __future__ import annotations

from typing import Any

from ..ops.broadcast import reshape
from ..ops.elementwise import mul, sub
from ..ops.linalg import matmul
from ..ops.shape import permute
from .graph import Graph, Node, apply, placeholder, users

__all__ = ["BLOCK", "Blocked", "blocked"]

BLOCK = 32  # samples


class Blocked:
    """A graph without its first layer's weight.

    Attributes:
        graph: takes the product x w^T as its last input; the step u is its last output.
        sample, weight: the positions of x and w among the inputs.
        update: the position of the weight among the outputs that was taken out.
        size: (rows, columns) of the weight.
    """

    def __init__(self, graph: Graph, sample: int, weight: int, update: int, size: tuple[int, int]) -> None:
        self.graph = graph
        self.sample = sample
        self.weight = weight
        self.update = update
        self.size = size


def blocked(graph: Graph, updates: list[int], samples: list[int]) -> Blocked | None:
    """The graph in this form, if it has the pattern; ``samples`` are the inputs that are arguments."""
    uses = users(graph.nodes())
    for i, j in enumerate(updates):
        weight, new = graph.inputs[j], graph.outputs[i]
        for k in samples:
            found = match(weight, new, graph.inputs[k], uses)
            if found is not None and new not in uses:
                product, gradient, rate = found
                return without(graph, i, j, k, product, gradient, rate)
    return None


def match(weight: Node, new: Node, sample: Node, uses: dict[Node, list[Node]]) -> Any:
    """The product with the weight, and the factors of its update; None if the weight is used otherwise."""
    if new.op is not sub or new.inputs[0] is not weight or weight.ndim != 2 or weight.dtype.kind != "f":
        return None
    scaled = new.inputs[1]
    if type(scaled) is not Node or scaled.op is not mul or uses[scaled] != [new]:
        return None
    for outer, rate in (scaled.inputs, scaled.inputs[::-1]):
        if type(outer) is Node and outer.op is matmul and uses[outer] == [scaled] and is_number(rate):
            gradient, x = outer.inputs
            if not is_sample(x, sample, weight) or gradient.shape != (weight.shape[0], 1):
                continue
            product = only_product(weight, new, sample, uses)
            return None if product is None else (product, gradient, rate)
    return None


def is_number(x: Any) -> bool:
    return type(x) is not Node or x.size == 1


def is_sample(x: Node, sample: Node, weight: Node) -> bool:
    """Whether ``x`` is the argument as a row."""
    while x.op is reshape:
        x = x.inputs[0]
    return x is sample and sample.size == weight.shape[1] and sample.dtype == weight.dtype


def only_product(weight: Node, new: Node, sample: Node, uses: dict[Node, list[Node]]) -> Node | None:
    """The product x w^T, if it and the update are all that the weight is used for."""
    others = [node for node in uses[weight] if node is not new]
    if len(others) != 1 or others[0].op is not permute or others[0].params["dims"] != (1, 0):
        return None
    readers = uses.get(others[0], [])
    if len(readers) != 1 or readers[0].op is not matmul or readers[0].inputs[1] is not others[0]:
        return None
    product = readers[0]
    if product.shape != (1, weight.shape[0]) or not is_sample(product.inputs[0], sample, weight):
        return None
    return product


def without(graph: Graph, i: int, j: int, k: int, product: Node, gradient: Node, rate: Any) -> Blocked:
    """The graph with the product as an input, and rate * gradient as an output in place of the new weight."""
    given = placeholder("product with the first weight", product.shape, product.dtype)
    made: dict[Node, Node] = {product: given}
    outputs = [*graph.outputs[:i], *graph.outputs[i + 1 :]]
    checks = graph.checks
    for node in Graph(graph.inputs, [*outputs, gradient], checks=checks).nodes():
        if node in made:
            continue
        made[node] = node.rebuilt(made)
    rate = made.get(rate, rate) if type(rate) is Node else rate
    step = apply(mul, made[gradient], rate, origin=product.origin)
    names = [*graph.names[:i], *graph.names[i + 1 :], "step of the first weight"]
    moved = [check._replace(node=made[check.node]) for check in checks]
    result = Graph([*graph.inputs, given], [*(made[y] for y in outputs), step], names, moved)
    rows, columns = graph.inputs[j].shape
    return Blocked(result, k, j, i, (rows, columns))
