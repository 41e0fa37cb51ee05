"""The nodes of a workflow as the wire has them: checked, merged by their ids, and told."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, ValidationError

from controlcenter.wire import Action, Message, about, patched

from .parts import ModelReference


class NodeInput(Message):
    """Where a node gets its input from."""

    node_id: str = about("The id of another node.", "detect", ...)


class Node(Message):
    """A step of a workflow: a model, and the nodes whose output goes into it."""

    id: str = about("Its id within the workflow.", "classify", ...)
    model: ModelReference | None = about("The model that works there.", {"id": "resnet"})
    node_inputs: list[NodeInput] | None = about("Where its input comes from.", [{"node_id": "detect"}])
    suppress_output: bool | None = about("Whether predictions leave out what comes from it.", False)

    @classmethod
    def of(cls, stored: Any) -> Self:
        """Return a stored node as the wire has it; of one that was typed in another shape its id."""
        try:
            return cls.model_validate(stored)
        except ValidationError:
            return cls(id=str(stored.get("id", "")) if isinstance(stored, dict) else "")


def _refuse_twice(nodes: list[Node]) -> list[Node]:
    ids = [node.id for node in nodes]
    if twice := next((one for one in ids if ids.count(one) > 1), None):
        raise ValueError(f"The id {twice!r} stands twice in the list: send it once.")
    return nodes


Nodes = Annotated[list[Node], AfterValidator(_refuse_twice)]
NODE_EXAMPLE = {"id": "classify", "model": {"id": "resnet"}}


def patched_nodes(stored: list[Any], given: list[Node] | None, action: Action) -> list[Any]:
    """Return the nodes to store after a patch. A node of the same id is replaced by `merge`, left out by `remove`."""
    if given is None:
        return stored
    nodes: dict[Any, Any] = patched(_by_id(stored), {node.id: node.stored for node in given}, action)
    return [*nodes.values()]


def _by_id(stored: list[Any]) -> dict[Any, Any]:
    """Return nodes by their ids; what has none stays under its place."""
    return {
        node["id"] if isinstance(node, dict) and isinstance(node.get("id"), str) else place: node
        for place, node in enumerate(stored)
    }
