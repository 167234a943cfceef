"""What a schema cannot say: names, expressions, addresses, headers, triggers.

Every rule looks at a document of any shape, so that all mistakes of a file come at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from hms_orch_cli.errors import ExpressionError
from hms_orch_cli.ports.expressions import Expressions
from hms_orch_cli.ports.services import Service
from hms_orch_cli.saga.reserved import is_reserved
from hms_orch_cli.sagafile import catalogue
from hms_orch_cli.sagafile.addresses import check_address, check_path, check_service
from hms_orch_cli.sagafile.findings import Path
from hms_orch_cli.sagafile.own_events import lets_runs_in
from hms_orch_cli.sagafile.places import Target, sequences_of, steps_of, targets_of, texts_of
from hms_orch_cli.sagafile.reader import Tree
from hms_orch_cli.sagafile.schema import nearest
from hms_orch_cli.sagafile.source import Source

CEL_RESERVED: Final = frozenset(
    (
        *("as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop"),
        *("namespace", "null", "package", "return", "true", "var", "void", "while"),
    )
)
MAX_EXPRESSIONS: Final = 10_000
"""Expressions of one file."""

KINDS: Final = ("call", "await", "approval")
_ONLY_WITH_CALL: Final = ("check", "retry", "timeoutMs", "outcomes")
_ENDS_A_WAIT: Final = {"await": "Write 'timeoutMs' inside 'await'.", "approval": "Write 'ttlMs' inside 'approval'."}
_OWNED: Final = frozenset(
    ("authorization", "idempotency-key", "host", "content-length", "traceparent", "transfer-encoding", "connection")
)
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_WORD: Final = re.compile(r"\w+")
_BODILESS: Final = ("GET", "HEAD")


def check_rules(tree: Tree, source: Source, expressions: Expressions, services: Mapping[str, Service] | None) -> None:
    """Notes where a document breaks a rule. `services` is the address book, None to leave that out."""
    content = tree.value
    rules = _Rules(tree, source)
    rules.triggers(content, expressions)
    rules.steps(content)
    rules.sequences(content)
    rules.texts(content, expressions)
    for path, step in steps_of(content.get("steps"), ("steps",)):
        for target in targets_of(path, step):
            rules.target(target, services)


class _Rules:
    def __init__(self, tree: Tree, source: Source) -> None:
        self._tree = tree
        self._source = source
        self._named: set[str] = set()

    def triggers(self, content: Mapping[str, Any], expressions: Expressions) -> None:
        """No trigger twice, and none that the saga's own runs fire."""
        written, saga, condition = content.get("trigger"), content.get("id"), content.get("filter")
        many = isinstance(written, list)
        seen: set[str] = set()
        for index, trigger in enumerate(written if isinstance(written, list) else [written]):
            if not isinstance(trigger, str):
                continue
            path: Path = ("trigger", index) if many else ("trigger",)
            place = self._tree.place(path)
            if trigger in seen:
                message = f"'{trigger}' is listed twice"
                self._source.add(catalogue.TRIGGER_TWICE, message, "Remove one of the two.", place, path)
                continue
            seen.add(trigger)
            if not is_reserved(trigger):
                continue
            if "filter" not in content or (
                isinstance(condition, str)
                and isinstance(saga, str)
                and self._source.may_try()
                and lets_runs_in(condition, trigger, saga, expressions, of=saga)
            ):
                message = f"'{trigger}' is fired by the saga's own runs too: the saga would start itself"
                fix = 'Add a filter that names another saga: data.saga == "…".'
                if "filter" in content:
                    fix = 'Let the filter name another saga: data.saga == "…".'
                self._source.add(catalogue.STARTS_ITSELF, message, fix, place, path)

    def steps(self, content: Mapping[str, Any]) -> None:
        """Names, and what a step does."""
        first: dict[str, Path] = {}
        for path, step in steps_of(content.get("steps"), ("steps",)):
            name = step.get("name")
            if isinstance(name, str):
                place = self._tree.place((*path, "name"))
                if name in first:
                    line = self._tree.place((*first[name], "name")).line
                    message = f"a step '{name[:80]}' is there already, on line {line}"
                    self._source.add(catalogue.NAME_TAKEN, message, "Give it another name.", place, (*path, "name"))
                elif name in CEL_RESERVED:
                    message = f"'{name}' is a reserved word of CEL, so context.{name} could not be read"
                    fix = "Give it another name."
                    self._source.add(catalogue.NAME_RESERVED, message, fix, place, (*path, "name"))
                first.setdefault(name, path)
            self._kind(path, step)

    def _kind(self, path: Path, step: Mapping[str, Any]) -> None:
        kinds = [kind for kind in KINDS if kind in step]
        if not kinds:
            if any(nearest(key, KINDS) for key in step if key not in _ONLY_WITH_CALL):
                return  # a misspelt key, which the schema tells of
            what = f"step '{step['name']}'" if isinstance(step.get("name"), str) else "the step"
            place = self._tree.key_place((*path, "name"))
            self._source.add(catalogue.STEP_KIND, f"{what} does nothing", "Add call, await or approval.", place, path)
        elif len(kinds) > 1:
            place = self._tree.key_place((*path, kinds[1]))
            message = f"a step has one of call, await and approval, this one has {' and '.join(kinds)}"
            self._source.add(catalogue.STEP_KIND, message, "Make them two steps.", place, (*path, kinds[1]))
        elif kinds != ["call"]:
            for key in _ONLY_WITH_CALL:
                if key not in step or (key == "timeoutMs" and _is_for_the_undo(step)):
                    continue
                message = f"'{key}' does nothing in a step that waits ({kinds[0]})"
                fix = _ENDS_A_WAIT[kinds[0]] if key == "timeoutMs" else "Remove it."
                place = self._tree.key_place((*path, key))
                self._source.add(catalogue.NO_EFFECT, message, fix, place, (*path, key))

    def sequences(self, content: Mapping[str, Any]) -> None:
        """No word on what goes on beside a step, where nothing does."""
        for path, sequence in sequences_of(content.get("steps"), ("steps",)):
            if "onSiblingFailure" in sequence:
                path = (*path, "onSiblingFailure")
                message = "'onSiblingFailure' does nothing in a sequence, where one step comes after another"
                fix = "Add 'parallel: true', or remove it."
                self._source.add(catalogue.NO_EFFECT, message, fix, self._tree.key_place(path), path)

    def texts(self, content: Mapping[str, Any], expressions: Expressions) -> None:
        """Every expression and every template compiles with the names of its place."""
        for path, text, kind, names in texts_of(content):
            rule = catalogue.TEMPLATE if kind == "template" else catalogue.EXPRESSION
            self._source.expressions += text.count("${") if kind == "template" else 1
            if self._source.expressions > MAX_EXPRESSIONS:
                message = f"the file has more than {MAX_EXPRESSIONS:,} expressions"
                place = self._tree.place(path)
                self._source.add(catalogue.TOO_MUCH, message, "Split it into several files.", place, path)
                return
            try:
                if kind == "template":
                    expressions.template(text, names)
                else:
                    expressions.compile(text, names, boolean=kind == "condition")
            except ExpressionError as error:
                place = self._tree.place(path).inside(error.column, _word_length(text, error.column))
                fix = error.hint
                if kind != "template" and "${" in text:
                    fix = "This is CEL already: write it without ${ }."
                self._source.add(rule, f"{_label(path)}: {error.message}", fix, place, path)

    def target(self, target: Target, services: Mapping[str, Service] | None) -> None:
        """The address of a request, its service, its headers, its body."""
        path, key, written = target
        if isinstance(written, str):
            bad = check_address(written)
            if bad:
                self._source.add(
                    bad.rule,
                    f"'{key}' {bad.message}" if bad.message.startswith("is ") else bad.message,
                    bad.fix,
                    self._tree.place(path),
                    path,
                )
            else:
                self._service(written.partition(":")[0], path, services)
            return
        service, where = written.get("service"), written.get("path")
        if isinstance(service, str):
            if bad := check_service(service):
                self._source.add(
                    bad.rule, bad.message, bad.fix, self._tree.place((*path, "service")), (*path, "service")
                )
            else:
                self._service(service, (*path, "service"), services)
        if isinstance(where, str) and (bad := check_path(where)):
            self._source.add(bad.rule, bad.message, bad.fix, self._tree.place((*path, "path")), (*path, "path"))
        self._headers(written.get("headers"), (*path, "headers"))
        if written.get("body") is not None and written.get("method") in _BODILESS:
            place = self._tree.key_place((*path, "body"))
            self._source.add(catalogue.BODY_OF_GET, "a GET has no body", "Use query, or POST.", place, (*path, "body"))

    def _service(self, name: str, path: Path, services: Mapping[str, Service] | None) -> None:
        if services is None or name in services or name in self._named:
            return
        self._named.add(name)
        place = self._tree.place(path)
        place = place._replace(end_line=place.line, end_column=place.column + len(name)) if place.text_column else place
        message = f"'{name}' is not in [services], so it is taken for a host name (http://{name})"
        fix = nearest(name, services) or f"Run 'hms-orch service set {name} URL'."
        self._source.add(catalogue.UNKNOWN_SERVICE, message, fix, place, path)

    def _headers(self, headers: Any, path: Path) -> None:
        if not isinstance(headers, Mapping):
            return
        for name, value in headers.items():
            place = self._tree.key_place((*path, name))
            lower = name.lower()
            if lower in _OWNED or lower.startswith("hms-"):
                message = f"the header '{name[:80]}' is set by the orchestrator"
                self._source.add(catalogue.OWNED_HEADER, message, "Remove it.", place, (*path, name))
            elif not _TOKEN.fullmatch(name):
                message = f"'{name[:80]}' is no name of a header"
                self._source.add(catalogue.BAD_HEADER, message, "Use letters, digits and '-'.", place, (*path, name))
            if isinstance(value, str) and ("\r" in value or "\n" in value):
                message = f"the value of the header '{name[:80]}' has a line break"
                place = self._tree.place((*path, name))
                self._source.add(catalogue.BAD_HEADER, message, "Write it on one line.", place, (*path, name))


def _is_for_the_undo(step: Mapping[str, Any]) -> bool:
    """Whether the undo of a step takes the step's own timeoutMs."""
    undo = step.get("compensate")
    return isinstance(undo, str) or (isinstance(undo, Mapping) and "timeoutMs" not in undo)


def _word_length(text: str, character: int) -> int:
    """How long the word is that begins at a character (from 1): what is underlined."""
    word = _WORD.match(text, max(character - 1, 0))
    return len(word[0]) if word else 1


def _label(path: Path) -> str:
    """What a message calls an expression: its key, with the key of its owner where that helps."""
    keys = [str(part) for part in path if isinstance(part, str) and part != "steps"]
    return ".".join(keys[-2:]) if keys[0] != keys[-1] and len(keys) > 1 else keys[-1]
