"""`ports.Expressions` over cel-expr-python (cel-cpp).

What has to be known of the library: a run-time error is returned as a value of type ERROR, only a limit that is
passed is raised; a value that is no boolean is truthy; depth 32, 10,000 iterations and 100,000 characters are its own
limits; an activation keeps what it converted, so one is made for each evaluation. For use by one thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hms_orch_cli.errors import ExpressionError
from hms_orch_cli.expressions.lexer import Members, secret_names, uses
from hms_orch_cli.expressions.messages import compile_error, runtime_error
from hms_orch_cli.expressions.reads import reads
from hms_orch_cli.expressions.template import CelTemplate, split
from hms_orch_cli.expressions.values import frame, to_json
from hms_orch_cli.ports.expressions import CelType, Inserted, Read

if TYPE_CHECKING:
    from cel_expr_python import cel

    from hms_orch_cli.expressions.types import Known

MAX_EXPRESSION = 4096
"""Characters of one expression."""

REMEMBERED = 512
"""Short expressions that are compiled once: many sagas say the same, `data.policyId` first of all."""
SHORT = 200
"""Characters of a short expression."""

_ANY = ("data", "response")
"""Names that may hold any JSON value; the others hold maps with texts as keys."""
_MAPS = ("event", "context", "saga", "secret")


class CelExpression:
    """A compiled expression; `needs` is what its evaluation has to be given."""

    __slots__ = ("_boolean", "_env", "_names", "_needs", "_program", "_text", "secrets")

    def __init__(self, program: cel.Expression, env: cel.Env, text: str, names: frozenset[str], boolean: bool) -> None:
        self._program = program
        self._env = env
        self._text = text
        self._names = names
        self._boolean = boolean
        self._needs: Mapping[str, Members] | None = None
        self.secrets = secret_names(text) if "secret" in names and "secret" in text else frozenset[str]()

    @property
    def needs(self) -> Mapping[str, Members]:
        """Worked out when it is asked for, since a check alone never does."""
        if self._needs is None:
            self._needs = uses(self._text, self._names)
        return self._needs

    def evaluate(self, names: Mapping[str, Any]) -> Any:
        """The value as plain JSON values. Raises ExpressionError."""
        return self.evaluate_in(self.activation(self.needs, names))

    def activation(self, needs: Mapping[str, Members], names: Mapping[str, Any]) -> cel.Activation:
        """What an evaluation is given; the parts of a template share one. Raises ExpressionError."""
        return self._env.Activation(frame(needs, names))

    def evaluate_in(self, activation: cel.Activation) -> Any:
        """The value in an activation. Raises ExpressionError."""
        try:
            result = self._program.eval(activation)
            kind, value = result.type().name(), result.plain_value()
        except (RuntimeError, ValueError) as error:
            # Its own limits are raised, not returned; so is text with half a surrogate pair.
            raise runtime_error(str(error), hide=bool(self.secrets)) from None
        except MemoryError:
            raise ExpressionError("the result is larger than the memory") from None
        if kind == "ERROR":
            raise runtime_error(str(value), hide=bool(self.secrets))
        if self._boolean and type(value) is not bool:
            raise ExpressionError(f"must be true or false, but is of type {kind.lower()}")
        return to_json(value)


class CelExpressions:
    """Compiles CEL; one environment for each set of names."""

    def __init__(self) -> None:
        self._environments: dict[frozenset[str], cel.Env] = {}
        self._typed: dict[frozenset[str], cel.Env] = {}
        self._compiled: dict[tuple[str, tuple[str, ...], bool], CelExpression] = {}

    def compile(self, text: str, names: Sequence[str], *, boolean: bool = False) -> CelExpression:
        """Compiles `text`. Raises ExpressionError with the place, as a character of `text` counted from 1."""
        key = (text, tuple(names), boolean)
        known = self._compiled.get(key)
        if known is None:
            known = self._compile(text, names, boolean)
            if len(text) <= SHORT:
                if len(self._compiled) >= REMEMBERED:
                    self._compiled.clear()
                self._compiled[key] = known
        return known

    def _compile(self, text: str, names: Sequence[str], boolean: bool) -> CelExpression:
        if len(text) > MAX_EXPRESSION:
            raise ExpressionError(f"an expression may have {MAX_EXPRESSION} characters, this one has {len(text)}")
        allowed = frozenset(names)
        env = self._environment(allowed)
        try:
            program = env.compile(text)
        except TypeError:
            raise ExpressionError("an expression must be Unicode text") from None
        except RuntimeError as error:
            raise compile_error(str(error), text, names) from None
        if boolean and (kind := program.return_type().name()) not in ("BOOL", "DYN"):
            raise ExpressionError(f"must be true or false, but is of type {kind.lower()}", column=1)
        return CelExpression(program, env, text, allowed, boolean)

    def template(self, text: str, names: Sequence[str]) -> CelTemplate | None:
        """The template in `text`, None if it has no `${…}` (and no `$${`, which stands for a plain `${`).

        Raises ExpressionError with the place, as a character of `text` counted from 1.
        """
        if "${" not in text:
            return None
        parts: list[str | CelExpression] = []
        for part in split(text, MAX_EXPRESSION):
            if isinstance(part, str):
                parts.append(part)
                continue
            try:
                parts.append(self.compile(part.text, names))
            except ExpressionError as error:
                error.column += part.start if error.column else part.start + 1
                raise
        return CelTemplate(tuple(parts))

    def inserted(self, text: str) -> Sequence[Inserted]:
        """The CEL of each `${…}` in `text`; none where one is not closed."""
        try:
            return [part for part in split(text, MAX_EXPRESSION) if not isinstance(part, str)]
        except ExpressionError:
            return ()

    def reads(self, text: str) -> Sequence[Read]:
        """What an expression reads, in the order of the text, whether it compiles or not."""
        return reads(text[:MAX_EXPRESSION])

    def type_of(self, text: str, names: Sequence[str], known: Known, *, boolean: bool = False) -> CelType:
        """What an expression yields if the paths in `known` are of these types; any if it does not compile without
        them. Raises ExpressionError with the place where they do not go together."""
        from hms_orch_cli.expressions.types import is_certain, json_type, stand_ins, with_stand_ins

        allowed = frozenset(names)
        holds_map = "{" in text  # all of whose values the checker takes for what the first one is
        env = self._typed.get(allowed)
        if env is None:
            env = self._typed[allowed] = self._new_environment(allowed, stand_ins())
        try:
            kind = json_type(env.compile(with_stand_ins(text, known)).return_type())
        except RuntimeError as error:
            if is_certain(str(error)) and not holds_map:
                raise compile_error(str(error), text, names) from None
            return "any"
        if holds_map and kind not in ("map", "list"):
            return "any"
        if boolean and kind not in ("bool", "any"):
            raise ExpressionError(f"must be true or false, but is of type {kind}", column=1)
        return kind

    def _environment(self, names: frozenset[str]) -> cel.Env:
        env = self._environments.get(names)
        if env is None:
            env = self._environments[names] = self._new_environment(names, {})
        return env

    def _new_environment(self, names: frozenset[str], more: Mapping[str, cel.Type]) -> cel.Env:
        from cel_expr_python import cel

        types = dict.fromkeys(_ANY, cel.Type.DYN)
        types.update(dict.fromkeys(_MAPS, cel.Type.Map(cel.Type.STRING, cel.Type.DYN)))
        return cel.NewEnv(variables={**{name: types[name] for name in names}, **more})
