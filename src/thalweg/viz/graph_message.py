"""``SummaryWriter.add_graph``: the graph that is compiled and drawn, as a message for TensorBoard."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ..utils.tensorboard import SummaryWriter
from ..utils.tensorboard.package import proto

if TYPE_CHECKING:
    from ..compiler.graph import Node
    from .blocks.program import Program

__all__ = ["add_graph", "graph_message"]

PRODUCER = 22  # of the format of graphs: that of PyTorch's writer
_TYPES = {  # the format has none for uint64, of which the state of random numbers is
    "float16": "DT_HALF", "float32": "DT_FLOAT", "float64": "DT_DOUBLE", "uint8": "DT_UINT8",
    "int8": "DT_INT8", "int16": "DT_INT16", "int32": "DT_INT32", "int64": "DT_INT64", "bool": "DT_BOOL",
}  # fmt: skip


def add_graph(
    self: SummaryWriter, model: Any, input_to_model: Any = None, verbose: bool = False, use_strict_trace: bool = True
) -> None:
    """The graph of a module or function, with its modules as groups, and shapes, dtypes and parameters on its nodes.

    It is traced as ``tw.compile`` traces it: nothing is computed.

    Args:
        model: the module or function.
        input_to_model: what it is called with: a tensor, or a tuple or list of arguments.
        verbose: print the graph, too.
        use_strict_trace: PyTorch's, without effect.

    Raises:
        TraceError: the model branches on a tensor's value; the message names the line.
    """
    from .blocks.program import traced  # here, so that importing thalweg does not load the compiler

    given = () if input_to_model is None else input_to_model
    args = tuple(given) if isinstance(given, (list, tuple)) else (given,)
    program = traced(model, args, {}, with_backward=False)
    if verbose:
        sys.stdout.write(program.graph.text() + "\n")
    self._file().add(proto("event").Event(graph_def=graph_message(program).SerializeToString()))


SummaryWriter.add_graph = add_graph  # type: ignore[method-assign]  # it traces, and utils stand below


def graph_message(program: Program) -> Any:
    """The message of a graph; slashes in the names of its nodes follow the modules."""
    names = _Names(program)
    nodes = [_node(node, names, program) for node in program.graph.nodes()]
    define = proto("node_def").NodeDef
    nodes += [
        define(name=names.free(f"output/{name}"), op="Result", input=[names.of[node]], attr=_attributes(node, ""))
        for node, name in program.results
    ]
    return proto("graph").GraphDef(node=nodes, versions=proto("versions").VersionDef(producer=PRODUCER))


class _Names:
    """A name of its own for every node."""

    def __init__(self, program: Program) -> None:
        self.taken: set[str] = set()
        self.of: dict[Node, str] = {}
        for node in program.graph.nodes():
            self.of[node] = self.free("/".join(_path(node, program)))

    def free(self, name: str) -> str:
        """The name, or with a number if it is taken."""
        name, number, wanted = name.replace(" ", "_"), 0, name.replace(" ", "_")
        while name in self.taken:
            number += 1
            name = f"{wanted}_{number}"
        self.taken.add(name)
        return name


def _path(node: Node, program: Program) -> list[str]:
    """The modules round a node, from the outermost, and its own name."""
    given = program.inputs.get(node)
    if given is not None:
        where = {"argument": ["input"], "data": ["data"]}.get(given.role.value, [program.title])
        return [*where, *(given.name or node.params["name"]).split(".")]
    scope = node.origin.scope
    modules = scope.path.split(".") if scope is not None and scope.path else []
    return [program.title, *modules, node.name]


def _node(node: Node, names: _Names, program: Program) -> Any:
    given = program.inputs.get(node)
    kind = type(node.op).__name__.strip("_") if not isinstance(node.op, str) else node.op.capitalize()
    inputs = [names.of[x] for x in node.parents()]
    return proto("node_def").NodeDef(
        name=names.of[node], op=kind if given is None else given.role.value.capitalize(), input=inputs,
        attr=_attributes(node, "" if given is not None else _parameters(node)),
    )  # fmt: skip


def _attributes(node: Node, parameters: str) -> dict[str, Any]:
    """The shape and dtype, as TensorBoard reads them, and in words the parameters and the user's line."""
    message, shape = proto("attr_value").AttrValue, proto("tensor_shape").TensorShapeProto
    sizes = shape(dim=[shape.Dim(size=n) for n in node.shape])
    found = {
        "_output_shapes": message(list=message.ListValue(shape=[sizes])),
        "dtype": message(type=_TYPES.get(node.dtype.name, "DT_INVALID")),
    }
    for name, text in (("parameters", parameters), ("line", node.line)):
        if text:
            found[name] = message(s=text.encode())
    return found


def _parameters(node: Node) -> str:
    """The numbers among the inputs, and the primitive's parameters."""
    numbers = [repr(x) for x in node.inputs if isinstance(x, (bool, int, float))]
    named = [f"{name}={value}" for name, value in node.params.items() if name != "array"]
    return ", ".join([*numbers, *named])
