"""Every rule of saga files, in one table. Ids are stable: they stand in reports, suppressions and documentation."""

from __future__ import annotations

from typing import Final

from hms_orch_cli.sagafile.findings import Rule

SYNTAX: Final = Rule("HMS001", "not-yaml", "error", "The text is no YAML.")
ENCODING: Final = Rule("HMS002", "bad-character", "error", "A saga file is UTF-8 without control characters.")
TOO_MUCH: Final = Rule(
    "HMS003", "too-much", "error", "A file is at most 256 KiB, 32 levels, 10,000 values and 10,000 expressions."
)
DUPLICATE_KEY: Final = Rule("HMS004", "duplicate-key", "error", "A key stands twice in one map.")
NOT_PLAIN: Final = Rule("HMS005", "not-plain", "error", "Anchors, aliases, merge keys, tags, maps as keys: not here.")
BAD_NUMBER: Final = Rule("HMS006", "bad-number", "error", "A number that JSON cannot carry, or that reads two ways.")
NO_SAGA: Final = Rule("HMS007", "no-saga", "error", "A document is not a map, or the file holds none.")
BAD_SUPPRESSION: Final = Rule("HMS008", "bad-suppression", "error", "A comment for hms-orch that silences no warning.")
UNUSED_SUPPRESSION: Final = Rule("HMS009", "unused-suppression", "warning", "A comment silences what is not there.")

UNKNOWN_KEY: Final = Rule("HMS010", "unknown-key", "error", "The language has no such key at this place.")
MISSING_KEY: Final = Rule("HMS011", "missing-key", "error", "A required key is missing.")
WRONG_TYPE: Final = Rule("HMS012", "wrong-type", "error", "A value is of another type than its key takes.")
WRONG_VALUE: Final = Rule("HMS013", "wrong-value", "error", "A value is none of those that its key takes.")
OUT_OF_RANGE: Final = Rule("HMS014", "out-of-range", "error", "A number, text, list or map is too small or too large.")
BAD_FORM: Final = Rule("HMS015", "bad-form", "error", "A text is not written as its key asks.")

STEP_KIND: Final = Rule("HMS020", "step-kind", "error", "A step has exactly one of call, await and approval.")
NAME_TAKEN: Final = Rule("HMS021", "name-taken", "error", "Two steps of a file have the same name.")
NAME_RESERVED: Final = Rule("HMS022", "name-reserved", "error", "A step's name is a reserved word of CEL.")
NO_EFFECT: Final = Rule("HMS023", "no-effect", "warning", "A key does nothing at this place.")
WAITS_IN_VAIN: Final = Rule("HMS024", "waits-in-vain", "error", "A step waits for an event that can never come.")
NO_LOCK_KEY: Final = Rule("HMS025", "no-lock-key", "error", "The key of a lock is null, or fails, whatever the event.")

EXPRESSION: Final = Rule("HMS030", "bad-expression", "error", "A CEL expression does not compile.")
TEMPLATE: Final = Rule("HMS031", "bad-template", "error", "The CEL inside a ${…} does not compile.")

ADDRESS: Final = Rule("HMS040", "bad-address", "error", "A call goes to service:/path, and the path stays a path.")
ADDRESS_LITERAL: Final = Rule("HMS041", "address-literal", "error", "A service is a name, never an IP address.")
UNKNOWN_SERVICE: Final = Rule(
    "HMS042", "unknown-service", "warning", "A service is not in the address book.", elsewhere=True
)
OWNED_HEADER: Final = Rule("HMS043", "owned-header", "error", "A header that the orchestrator sets itself.")
BAD_HEADER: Final = Rule("HMS044", "bad-header", "error", "A header that HTTP cannot carry.")
BODY_OF_GET: Final = Rule("HMS045", "body-of-get", "error", "A GET has no body.")

STARTS_ITSELF: Final = Rule("HMS050", "starts-itself", "error", "A trigger that the saga's own runs would fire.")
TRIGGER_TWICE: Final = Rule("HMS051", "trigger-twice", "warning", "A trigger is listed twice.")
ID_TAKEN: Final = Rule("HMS052", "id-taken", "error", "Two documents of a file have the same id.")

NO_UNDO: Final = Rule("HMS101", "no-undo", "warning", "A call that writes has no undo and is not irreversible.")
IRREVERSIBLE_EARLY: Final = Rule(
    "HMS102", "irreversible-early", "warning", "A step that may fail comes after or beside an irreversible one."
)
IMPATIENT_UNDO: Final = Rule("HMS103", "impatient-undo", "warning", "An undo gives up sooner than its call.")
DEADLINE_TOO_SHORT: Final = Rule(
    "HMS104", "deadline-too-short", "warning", "What may be waited for is longer than deadlineMs."
)
READS_LATER: Final = Rule(
    "HMS105", "reads-later", "warning", "The output of a step that is not done yet: later, beside, or the step itself."
)
READS_UNKNOWN: Final = Rule("HMS106", "reads-unknown", "warning", "The output of a step that the saga does not have.")
READS_SKIPPED: Final = Rule("HMS107", "reads-skipped", "warning", "The output of a step that may have been skipped.")
READS_NO_OUTPUT: Final = Rule("HMS108", "reads-unknown-output", "warning", "A step's output has no such member.")
TYPES_DIFFER: Final = Rule("HMS109", "types-differ", "warning", "An expression whose types never go together.")
SIDE_BY_SIDE: Final = Rule(
    "HMS110", "same-object-side-by-side", "warning", "Two steps of a group change one object at the same time."
)
WAITS_FOR_OWN_LOCK: Final = Rule(
    "HMS111", "waits-for-own-lock", "warning", "A run waits for one that waits for its lock.", elsewhere=True
)
TRIGGER_LOOP: Final = Rule(
    "HMS112", "trigger-loop", "warning", "Sagas whose runs start one another in a circle.", elsewhere=True
)
ID_ELSEWHERE: Final = Rule(
    "HMS113", "id-taken-elsewhere", "warning", "Two files have a saga of the same id.", elsewhere=True
)
SECRET: Final = Rule("HMS114", "secret-written-out", "warning", "A password, key or token stands in the file.")
PLAIN_HTTP: Final = Rule(
    "HMS115", "plain-http", "warning", "A service is called without TLS beyond this network.", elsewhere=True
)
ENDLESS_APPROVAL: Final = Rule("HMS116", "approval-without-expiry", "warning", "A step may wait for a person for ever.")
ENDLESS_WAIT: Final = Rule("HMS117", "wait-without-end", "warning", "A step may wait for an event for ever.")
TWO_IRREVERSIBLE: Final = Rule(
    "HMS118", "two-irreversible", "warning", "An irreversible step may fail after another one."
)
UNDO_NEEDS_ANSWER: Final = Rule(
    "HMS119", "undo-needs-answer", "warning", "An undo needs its call's answer, which may never have come."
)
DEADLINE_AFTER_IRREVERSIBLE: Final = Rule(
    "HMS120", "deadline-after-irreversible", "warning", "A deadline may turn back what is past an irreversible step."
)
SAME_ALWAYS: Final = Rule("HMS121", "constant-condition", "warning", "A condition that is the same for every event.")

NO_TESTS: Final = Rule("HMS200", "no-tests", "error", "A test file is one map with a list of tests.")
NO_SUCH_SAGA: Final = Rule("HMS201", "no-such-saga", "error", "The saga of a test file is not there, or is not valid.")
UNKNOWN_NAME: Final = Rule("HMS202", "unknown-name", "error", "A test names a step or a saga that is not there.")
NEVER_ASKED: Final = Rule("HMS203", "never-asked", "error", "A test answers, or expects, what a step never asks.")
TEST_TWICE: Final = Rule("HMS204", "test-twice", "error", "Two tests of a file have the same name.")
NOTHING_EXPECTED: Final = Rule("HMS205", "nothing-expected", "error", "A test that expects nothing shows nothing.")
BAD_ANSWER: Final = Rule("HMS206", "bad-answer", "error", "An answer that a participant cannot give at this place.")
UNHEARD: Final = Rule("HMS207", "unheard", "warning", "An event of a test starts no saga, and no step waits for it.")
ASKED_TWICE: Final = Rule("HMS208", "asked-twice", "error", "A list of expected requests names one of them twice.")

RULES: Final = {rule.id: rule for rule in list(globals().values()) if isinstance(rule, Rule)}
"""Id -> rule."""

TITLES: Final = {rule.title: rule for rule in RULES.values()}
"""Title -> rule."""

RETIRED: Final = frozenset(("HMS060",))
"""Ids of rules that are gone. They still stand in old reports and suppressions, so no new rule takes one."""


def find(name: str) -> Rule | None:
    """The rule of an id or a title."""
    return RULES.get(name) or TITLES.get(name)
