"""YAML with places: plain JSON values, and where in the text each key and value stands.

Built on the parser's events with an explicit stack: composing in C recurses (`[` times 100,000 ends the process) and
leaves no room for limits. What could surprise (anchors, aliases, merge keys, tags, a key twice) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
)

from hms_orch_cli.sagafile import catalogue
from hms_orch_cli.sagafile.findings import FIRST, Path, Place
from hms_orch_cli.sagafile.scalars import BadNumber, plain_value
from hms_orch_cli.sagafile.source import Source

MAX_DEPTH: Final = 32
MAX_NODES: Final = 10_000

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DENSE: Final = re.compile(r"[\[{]{8}")
"""Where libyaml could stop before the reader does: from 0.2.6 on it refuses level 1001, and it looks 1024 characters
ahead for the ':' of a key. More than 960 of those open something only where many stand in a row, and such a text goes
to the parser in Python, which has no limit: one file has the same findings with every build."""
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


@dataclass(slots=True)
class Tree:
    """One document: its value as plain JSON values, the place of each value and of each key. `stand_ins` are values
    that take the place of one that was refused: nothing more is said of them."""

    value: Any = None
    places: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    stand_ins: set[Path] = field(default_factory=set)

    def place(self, path: Path) -> Place:
        """Where the value stands, or the nearest that contains it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, FIRST)

    def key_place(self, path: Path) -> Place:
        """Where the key of a value stands; its value's place for an item of a list."""
        return self.keys.get(path) or self.place(path)


@dataclass(slots=True)
class _Open:
    """A map or list that has begun. `path` is None inside of what is dropped: a key twice, a map as a key."""

    items: dict[str, Any] | list[Any]
    path: Path | None
    key: str | None = None
    dropped: bool = False

    def next_path(self) -> Path | None:
        """The path of the value that comes next."""
        if self.path is None or self.dropped:
            return None
        return (*self.path, len(self.items) if self.key is None else self.key)

    def wants_key(self) -> bool:
        """Whether what comes next is a key."""
        return isinstance(self.items, dict) and self.key is None

    def put(self, value: Any) -> None:
        """Takes the value that came."""
        if isinstance(self.items, list):
            self.items.append(value)
        elif self.key is None:
            # A map or list came where a key belongs: it and its value are dropped.
            self.key, self.dropped = "", True
        else:
            if not self.dropped:
                self.items[self.key] = value
            self.key, self.dropped = None, False


class _Stop(Exception):
    """Nothing more is read: a limit is passed."""


def read(source: Source) -> Iterator[Tree]:
    """The documents of a file, one by one; mistakes are noted in the source. After one that hides the rest (bad
    syntax, a limit) no further document comes."""
    try:
        yield from _Reader(source).documents()
    except _Stop:
        return
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at_end = mark is not None and not source.text[mark.index :].strip()
        if at_end and error.context_mark is not None:
            # The text ends too early: where that began says more.
            mark = error.context_mark
        message, fix = _in_words(error, source.text[mark.index : mark.index + 1] if mark else "")
        place = source.place_of(len(source.text.rstrip()) if mark is None else mark.index)
        source.add(catalogue.SYNTAX, message, fix, place)
    except yaml.YAMLError as error:
        source.add(catalogue.SYNTAX, str(error).splitlines()[0][:200], "", FIRST)


class _Reader:
    """Takes the parser's events one by one. They are typed Any: their marks are always there, which the stubs of
    PyYAML do not say."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._nodes = 0
        self._stack: list[_Open] = []
        self._tree = Tree()

    def documents(self) -> Iterator[Tree]:
        text = self._source.text
        for event in yaml.parse(text, Loader=yaml.SafeLoader if _DENSE.search(text) else _LOADER):
            if isinstance(event, ScalarEvent):
                self._scalar(event)
            elif isinstance(event, CollectionStartEvent):
                self._begin(event)
            elif isinstance(event, CollectionEndEvent):
                self._put(self._stack.pop().items)
            elif isinstance(event, AliasEvent):
                self._refuse(event, "an alias (*name)", "Write the value out.")
                self._key("") if self._wants_key() else self._put_stand_in()
            elif isinstance(event, DocumentStartEvent):
                self._tree = Tree()
            elif isinstance(event, DocumentEndEvent):
                yield self._tree

    def _scalar(self, event: Any) -> None:
        self._count(event)
        place = self._place(event)
        self._plainness(event)
        value: Any = event.value
        if event.style == '"' and (found := _CONTROL.search(value)):  # only an escape can make one
            message = f"character U+{ord(found[0]):04X} cannot stand in a saga"
            self._source.add(catalogue.ENCODING, message, "Remove it.", place, self._path() or ())
        if self._wants_key():
            self._key(value, place, plain=event.implicit[0])
            return
        path = self._path()
        if path is not None:
            self._tree.places[path] = place
        if event.implicit[0]:
            try:
                value = plain_value(event.value)
            except BadNumber as error:
                self._source.add(catalogue.BAD_NUMBER, str(error), error.fix, place, path or ())
                self._put_stand_in()
                return
        self._put(value)

    def _key(self, key: str, place: Place | None = None, *, plain: bool = False) -> None:
        """Takes a scalar that came where a key belongs."""
        top = self._stack[-1]
        top.key = key
        if place is None or top.path is None:
            top.dropped = True
            return
        path = (*top.path, key)
        if plain and key == "<<":
            self._source.add(catalogue.NOT_PLAIN, "a merge key (<<) cannot be used", "Write the keys out.", place)
            top.dropped = True
        elif path in self._tree.keys:
            first = self._tree.keys[path].line
            message = f"duplicate key '{key[:80]}' (first on line {first})"
            self._source.add(catalogue.DUPLICATE_KEY, message, "Remove one of the two.", place, path)
            top.dropped = True
        else:
            self._tree.keys[path] = place

    def _begin(self, event: Any) -> None:
        self._count(event)
        self._plainness(event)
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        place = Place(line, column, line, column + 1)
        path = self._path()
        if self._wants_key():
            self._source.add(catalogue.NOT_PLAIN, "a map or list cannot be a key", "Use a text as the key.", place)
        elif path is not None:
            self._tree.places[path] = place
        if len(self._stack) >= MAX_DEPTH:
            message = f"nested deeper than {MAX_DEPTH} levels"
            self._source.add(catalogue.TOO_MUCH, message, "", place, path or ())
            raise _Stop
        self._stack.append(_Open({} if isinstance(event, MappingStartEvent) else [], path))

    def _put(self, value: Any) -> None:
        if self._stack:
            self._stack[-1].put(value)
        else:
            self._tree.value = value

    def _put_stand_in(self) -> None:
        if (path := self._path()) is not None:
            self._tree.stand_ins.add(path)
        self._put(None)

    def _path(self) -> Path | None:
        """The path of the node that comes next, None if it is a key or is dropped."""
        if not self._stack:
            return ()
        return None if self._wants_key() else self._stack[-1].next_path()

    def _wants_key(self) -> bool:
        return bool(self._stack) and self._stack[-1].wants_key()

    def _count(self, event: Any) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            message = f"the file has more than {MAX_NODES:,} values"
            self._source.add(catalogue.TOO_MUCH, message, "Split it into several files.", self._start(event))
            raise _Stop

    def _plainness(self, event: Any) -> None:
        if event.anchor is not None:
            self._refuse(event, "an anchor (&name)", "Remove it, and write the value out where it is used.")
        if event.tag is not None:
            self._refuse(event, f"a tag ({event.tag[:40]})", "Remove it.")

    def _refuse(self, event: Any, what: str, fix: str) -> None:
        self._source.add(catalogue.NOT_PLAIN, f"{what} cannot be used", fix, self._start(event), self._path() or ())

    def _start(self, event: Any) -> Place:
        mark = event.start_mark
        return Place(mark.line + 1, mark.column + 1, mark.line + 1, mark.column + 2)

    def _place(self, event: Any) -> Place:
        start, end = event.start_mark, event.end_mark
        line, column, end_line, end_column = start.line, start.column, end.line, end.column
        quotes = 1 if event.style else 0
        text_column = 0
        if line == end_line and end_column - column == len(event.value) + 2 * quotes:
            # As long as in the file: no escapes, no folding.
            text_column = column + 1 + quotes
        return Place(line + 1, column + 1, end_line + 1, end_column + 1, text_column)


def _in_words(error: yaml.MarkedYAMLError, character: str) -> tuple[str, str]:
    """The parser's complaint at `character`, and what usually lies behind it."""
    problem = " ".join((error.problem or "cannot be read").split())[:200]
    context = " ".join((error.context or "").split())[:100]
    fix = ""
    if character == "\t":
        fix = "Indent with spaces: YAML takes no tabs."
    elif "mapping values are not allowed" in problem:
        fix = "A text with ': ' in it needs quotes; else look at the indentation."
    elif "did not find expected key" in problem or "block" in context:
        fix = "Look at the indentation: keys of one map begin in one column."
    elif "end of stream" in problem and "quoted scalar" in context:
        fix = "Close the quotes."
    elif "cannot start any token" in problem:
        fix = "A text that begins with this character needs quotes."
    return f"not YAML: {problem}" + (f" ({context})" if context else ""), fix
