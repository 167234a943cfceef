"""An event as CloudEvents attributes, in one place: expressions, the API and exports read them alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from hms_orch_cli.ports.store import Event, NewEvent


def attributes_of(event: Event | NewEvent) -> dict[str, Any]:
    """The context attributes of an event, those that it has, extensions included."""
    attributes: dict[str, Any] = {"id": event.id, "source": event.source, "type": event.type, "time": event.time}
    if event.subject is not None:
        attributes["subject"] = event.subject
    if event.datacontenttype is not None:
        attributes["datacontenttype"] = event.datacontenttype
    if event.dataschema is not None:
        attributes["dataschema"] = event.dataschema
    if event.extensions:
        attributes.update(orjson.loads(event.extensions))
    return attributes
