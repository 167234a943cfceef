"""What is undone, and in which order: the structure of the saga in reverse.

A sequence is undone from its last item to its first, the branches of a group side by side, the group before what came
earlier. Undone are the steps that succeeded and those whose outcome is unknown; a step that was definitely refused
never took effect. Nothing is undone while a step is known to be in flight (`machine.due` sees to that).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hms_orch_cli.saga.definition import Group, Item, Step
from hms_orch_cli.saga.state import PENDING, Phase, Progress


def needs_undo(step: Step, call: Progress) -> bool:
    """Whether the step may have left something behind that the file knows how to undo."""
    return step.compensate is not None and (call.phase is Phase.SUCCEEDED or call.undo)


def is_undone(item: Item, calls: Mapping[str, Progress], undos: Mapping[str, Progress]) -> bool:
    """Whether nothing of the item is left to undo."""
    if isinstance(item, Step):
        call = calls.get(item.name)
        if call is None or not needs_undo(item, call):
            return True
        return undos.get(item.name, PENDING).phase is Phase.SUCCEEDED
    return all(is_undone(inner, calls, undos) for inner in item.items)


def next_undos(item: Item, calls: Mapping[str, Progress], undos: Mapping[str, Progress]) -> Iterator[Step]:
    """The steps whose undo may be going on now. A stuck undo holds back everything that came before it."""
    if isinstance(item, Step):
        if not is_undone(item, calls, undos):
            yield item
    elif isinstance(item, Group):
        for inner in item.items:
            yield from next_undos(inner, calls, undos)
    else:
        for inner in reversed(item.items):
            if not is_undone(inner, calls, undos):
                yield from next_undos(inner, calls, undos)
                return
