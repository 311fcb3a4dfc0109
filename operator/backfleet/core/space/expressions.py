"""The language of constraints: a small typed grammar over parameters, compiled to closures over exact rational numbers.

    or > and > not > one comparison (== != < <= > >=) > + - > * / > unary minus > number, "text", true, false, name, (…)

Names that contain a hyphen or begin with a digit are written in backticks. Nothing here evaluates Python: everything that is
not in the grammar is an error.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum, unique
from fractions import Fraction

from backfleet.core.errors import SpecInvalid
from backfleet.core.space.scalars import ParameterType, is_whole, parse_number, shown

MAX_LENGTH = 256
MAX_DEPTH = 20
MAX_OPERATIONS = 50
"""Exact numbers grow with every product and quotient, and so does the time to test a combination."""

Operand = int | Fraction | bool | str
Evaluate = Callable[[Sequence[Operand]], Operand]
"""Computes an expression from the operands of its names, in the order of `Expression.names`."""


@unique
class Kind(StrEnum):
    """The type of an expression's value, known before any combination is tested."""

    NUMBER = "a number"
    BOOL = "a bool"
    TEXT = "text"


KINDS = {
    ParameterType.INT: Kind.NUMBER,
    ParameterType.FLOAT: Kind.NUMBER,
    ParameterType.BOOL: Kind.BOOL,
    ParameterType.STRING: Kind.TEXT,
}


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression of type bool. `names` are the parameters that it reads, in the order of its operands.

    `is_fractional` is true if a quotient or a constant makes fractions of whole numbers.
    """

    names: tuple[str, ...]
    evaluate: Evaluate
    operations: int
    is_fractional: bool = False


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


@dataclass(frozen=True, slots=True)
class _Node:
    kind: Kind
    evaluate: Evaluate


_TOKEN = re.compile(
    r"(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<word>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*)|(?P<name>`[^`]*`)"
    r"|(?P<text>\"[^\"]*\"|'[^']*')|(?P<sign><=|>=|==|!=|[-+*/()<>])"
)
_HINTS = {Kind.BOOL: "compare it with something: == != < <= > >=", Kind.NUMBER: "calculate with numbers only"}
_GRAMMAR = "names, numbers, quoted text, and, or, not, == != < <= > >= + - * / and parentheses"
_KEYWORDS = frozenset({"and", "or", "not", "true", "false"})
_ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul}
_EQUALITIES = {"==": operator.eq, "!=": operator.ne}
_COMPARISONS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge} | _EQUALITIES
_OPERATORS = frozenset(_ARITHMETIC | _COMPARISONS) | {"/", "and", "or", "not"}
_SPLIT = "split it: every constraint must hold anyway"


def compile_expression(text: str, types: Mapping[str, ParameterType], field: str) -> Expression:
    """Compile a constraint over parameters of known types. SpecInvalid names `field`, the position and the fix."""
    if len(text) > MAX_LENGTH:
        raise SpecInvalid(field, f"expected at most {MAX_LENGTH} characters, got {len(text)}", _SPLIT)
    return _Parser(text, types, field).parse()


def _tokens(text: str, field: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        found = _TOKEN.match(text, position)
        if found is None:
            hint = "write ==" if text[position] == "=" else f"write {_GRAMMAR}"
            problem = f"at character {position + 1}: {shown(text[position])} is not understood"
            raise SpecInvalid(field, problem, hint)
        tokens.append(_Token(str(found.lastgroup), found.group(), position))
        position = found.end()
    return tokens


class _Parser:
    """A recursive descent parser. Every method reads one level of the grammar and returns a typed node."""

    def __init__(self, text: str, types: Mapping[str, ParameterType], field: str) -> None:
        self._types = types
        self._field = field
        self._tokens = _tokens(text, field)
        self._end = _Token("end", "the end", len(text))
        self._next = 0
        self._depth = 0
        self._names: list[str] = []
        self._operations = sum(token.text in _OPERATORS for token in self._tokens)

    def parse(self) -> Expression:
        if self._operations > MAX_OPERATIONS:
            raise SpecInvalid(self._field, f"expected at most {MAX_OPERATIONS} operations, got more", _SPLIT)
        node = self._or()
        token = self._peek()
        if token.text in _COMPARISONS:
            raise self._invalid(
                token, "expected one comparison, got two in a row", "join them with and: `a < b and b < c`"
            )
        if token.kind != "end":
            raise self._invalid(token, f"{shown(token.text)} is out of place", "write an operator between two terms")
        self._expect(node, Kind.BOOL, self._end, "the constraint")
        if not self._names:
            raise SpecInvalid(self._field, "the constraint names no parameter", f"name one of {self._known()}")
        is_fractional = any(token.text == "/" or "." in token.text for token in self._tokens if token.kind != "text")
        return Expression(tuple(self._names), node.evaluate, self._operations, is_fractional)

    def _or(self) -> _Node:
        return self._logic("or", self._and, lambda left, right: lambda env: left(env) or right(env))

    def _and(self) -> _Node:
        return self._logic("and", self._not, lambda left, right: lambda env: left(env) and right(env))

    def _logic(self, word: str, operand: Callable[[], _Node], join: Callable[[Evaluate, Evaluate], Evaluate]) -> _Node:
        left = operand()
        while (token := self._peek()).text == word:
            self._next += 1
            right = operand()
            for side in (left, right):
                self._expect(side, Kind.BOOL, token, f"each side of {word}")
            left = _Node(Kind.BOOL, join(left.evaluate, right.evaluate))
        return left

    def _not(self) -> _Node:
        token = self._peek()
        if token.text != "not":
            return self._comparison()
        inner = self._nested(self._not)
        self._expect(inner, Kind.BOOL, token, "what follows not")
        evaluate = inner.evaluate
        return _Node(Kind.BOOL, lambda env: not evaluate(env))

    def _comparison(self) -> _Node:
        left = self._sum()
        token = self._peek()
        if token.text not in _COMPARISONS:
            return left
        self._next += 1
        right = self._sum()
        if left.kind is not right.kind:
            raise self._invalid(token, f"expected {left.kind} on each side, got {right.kind}", "compare like with like")
        if token.text not in _EQUALITIES and left.kind is not Kind.NUMBER:
            raise self._invalid(token, f"{left.kind} has no order", "use == or !=")
        return _Node(Kind.BOOL, _binary(_COMPARISONS[token.text], left.evaluate, right.evaluate))

    def _sum(self) -> _Node:
        return self._calculation(("+", "-"), self._product)

    def _product(self) -> _Node:
        return self._calculation(("*", "/"), self._unary)

    def _calculation(self, signs: tuple[str, str], operand: Callable[[], _Node]) -> _Node:
        left = operand()
        while (token := self._peek()).text in signs:
            self._next += 1
            right = operand()
            for side in (left, right):
                self._expect(side, Kind.NUMBER, token, f"each side of {token.text}")
            left = _Node(Kind.NUMBER, _binary(_ARITHMETIC.get(token.text, _divide), left.evaluate, right.evaluate))
        return left

    def _unary(self) -> _Node:
        token = self._peek()
        if token.text != "-":
            return self._primary()
        inner = self._nested(self._unary)
        self._expect(inner, Kind.NUMBER, token, "what follows -")
        evaluate = inner.evaluate
        return _Node(Kind.NUMBER, lambda env: -evaluate(env))  # type: ignore[operator]

    def _primary(self) -> _Node:
        token = self._peek()
        if token.text == "(":
            inner = self._nested(self._or)
            if self._peek().text != ")":
                raise self._invalid(self._peek(), "the parenthesis is not closed", "write )")
            self._next += 1
            return inner
        self._next += 1
        match token.kind:
            case "number":
                number = parse_number(token.text, self._field)
                return _constant(Kind.NUMBER, int(number) if is_whole(number) else Fraction(number))
            case "text":
                return _constant(Kind.TEXT, token.text[1:-1])
            case "word" if token.text in ("true", "false"):
                return _constant(Kind.BOOL, token.text == "true")
            case "word" if token.text not in _KEYWORDS:
                return self._parameter(token, token.text)
            case "name":
                return self._parameter(token, token.text[1:-1])
            case _:
                raise self._invalid(token, f"expected a term, got {shown(token.text)}", "write a name or a number")

    def _parameter(self, token: _Token, name: str) -> _Node:
        if name not in self._types:
            close = get_close_matches(name, self._types, n=1)
            hint = f"Did you mean {close[0]}? " if close else ""
            raise self._invalid(token, f"expected a parameter, got {shown(name)}", f"{hint}Known: {self._known()}")
        if name not in self._names:
            self._names.append(name)
        return _Node(KINDS[self._types[name]], operator.itemgetter(self._names.index(name)))

    def _nested(self, inner: Callable[[], _Node]) -> _Node:
        """Consume a token and go one level deeper. The depth is bounded, because Python's stack is."""
        token = self._peek()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._invalid(token, f"expected at most {MAX_DEPTH} levels, got more", _SPLIT)
        self._next += 1
        node = inner()
        self._depth -= 1
        return node

    def _peek(self) -> _Token:
        return self._tokens[self._next] if self._next < len(self._tokens) else self._end

    def _expect(self, node: _Node, kind: Kind, token: _Token, what: str) -> None:
        if node.kind is not kind:
            raise self._invalid(token, f"{what} is {node.kind}, not {kind}", _HINTS[kind])

    def _known(self) -> str:
        return ", ".join(self._types)

    def _invalid(self, token: _Token, problem: str, hint: str) -> SpecInvalid:
        return SpecInvalid(self._field, f"at character {token.position + 1}: {problem}", hint)


def _constant(kind: Kind, value: Operand) -> _Node:
    return _Node(kind, lambda _env: value)


def _binary(compute: Callable[..., Operand], left: Evaluate, right: Evaluate) -> Evaluate:
    return lambda env: compute(left(env), right(env))


def _divide(left: int | Fraction, right: int | Fraction) -> Fraction:
    return Fraction(left) / right
