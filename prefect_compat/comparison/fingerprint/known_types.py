"""Which rules stand for the values of a class, and what is left of a value beside them."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from types import NoneType
from typing import Any

from prefect_compat.comparison.fingerprint import objects, state
from prefect_compat.comparison.fingerprint.parts import (
    Buffer,
    NotComparable,
    Part,
    Parts,
    Rule,
    package,
    qualified,
)

LEAVES = (NoneType, bool, int, float, complex, str, bytes, bytearray)
SEQUENCES = (list, tuple, deque)
SETS = (set, frozenset)
PLAIN = frozenset({*LEAVES, *SEQUENCES, *SETS, dict, Parts, Buffer})

# What a subclass of a plain type holds, read by the type's own methods: it may override any.
_EXACT: dict[type, Callable[[Any], Any]] = {
    int: int.__int__,
    float: float.__float__,
    complex: complex.__complex__,
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    bytearray: lambda value: bytearray.__getitem__(value, slice(None)),
    list: lambda value: list.__getitem__(value, slice(None)),
    tuple: lambda value: tuple.__getitem__(value, slice(None)),
    deque: lambda value: deque(deque.__iter__(value), deque.maxlen.__get__(value)),
    set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
    dict: lambda value: dict(dict.items(value)),
}
_RULES: dict[type, Rule] = dict(objects.RULES)
# Rules of optional libraries are read when a value of the library appears, so none is imported
# without need. The remedy is for a value that needs another library too.
_LIBRARIES = {
    "numpy": ("numpy_values", "arrow"),
    "pandas": ("pandas_values", "pandas"),
    "pyarrow": ("arrow_values", "arrow"),
}
_read: set[str] = set()


MOST = 1000  # classes that are remembered


@dataclass(frozen=True)
class Claim:
    """The rule of one base of a class.

    `nearest`: the last class on the way from the base to the class that the rule knows, being of
    the same package. What the classes beyond it add is state.
    """

    base: type
    rule: Rule
    nearest: type


@dataclass(frozen=True)
class Known:
    """The rules that take the values of one class apart.

    `claims`: the nearest base's first. `layout`: the place of the state beside them, None if
    there can be none. `ignored`: attributes of that state that a rule reads, or that are not
    content.
    """

    kind: str
    claims: tuple[Claim, ...]
    layout: state.Layout | None = None
    ignored: frozenset[str] = frozenset()

    @property
    def is_whole(self) -> bool:
        return self.claims[0].rule.is_whole

    def taken_apart(self, value: Any) -> Any:
        """The plain parts of a value. Raises NotComparable."""
        content, added = self.content_and_added(value)
        if not added:
            return content
        own = content.entries if type(content) is Parts else (_itself("value", content),)
        return Parts((*own, *added))

    def content_and_added(self, value: Any) -> tuple[Any, list[Part]]:
        """The content by the nearest base's rule, and everything else that the value holds."""
        content = _by_rule(self.claims[0].rule, value)
        if self.layout is None:
            return content, []
        others = [
            _itself(f"as {qualified(claim.base)}", _by_rule(claim.rule, value))
            for claim in self.claims[1:]
            # A member of an enum of ints, say, is its own value: it would be digested twice.
            if not (isinstance(value, Enum) and _is_its_value(value, claim.base))
        ]
        stored = state.stored(self.layout, value, self.ignored)
        if not stored:  # by far the most values
            return content, others
        shown = [
            part
            for plain in (content, *(other.value for other in others))
            if type(plain) is Parts
            for part in plain.entries
        ]
        return content, [*others, *state.parts(stored, shown)]


_KNOWN: dict[type, Known | None] = {}


def set_rule(kind: type, rule: Rule) -> None:
    """Sets the rule of a class from now on."""
    _RULES[kind] = rule
    forget()


def forget() -> None:
    """Forgets the rules that were looked up for each class."""
    _KNOWN.clear()


def known(kind: type) -> Known | None:
    """The rules that take the values of a class apart; None for a plain type.

    Raises NotComparable if there is no rule for the class or any of its bases.
    """
    if kind in _KNOWN:
        return _KNOWN[kind]
    if len(_KNOWN) >= MOST:  # classes made at run time: they would all be kept alive
        forget()
    rules = _KNOWN[kind] = _find(kind)
    return rules


def _find(kind: type) -> Known | None:
    if kind in PLAIN:
        return None
    claims = tuple(_claims(kind))
    if not claims:
        raise NotComparable(
            f"of unknown type {qualified(kind)}; `register_fingerprint` says how it becomes plain"
            " values"
        )
    first, rule = claims[0], claims[0].rule
    is_named = first.base is kind or (bool(rule.layouts) and first.nearest is kind)
    name = rule.kind if rule.kind is not None and is_named else qualified(kind)
    is_exact = len(claims) == 1 and first.nearest is kind and rule.covers is None
    if rule.is_final or is_exact:
        return Known(name, (first,))
    covers = [claim.rule.covers for claim in claims if claim.rule.covers is not None]
    ignored = [covered(kind) if callable(covered) else covered for covered in covers]
    layout = state.layout(kind, [claim.nearest for claim in claims])
    return Known(name, claims, layout, frozenset[str]().union(*ignored))


def _claims(kind: type) -> Iterator[Claim]:
    """A rule for each base that no earlier one covers.

    The nearest dataclass (enum, attrs class, namedtuple) names the fields of all above it, but
    the content of a dict that it derives from, say, is that other rule's.
    """
    covered: set[type] = set()
    has_form = False
    for base in kind.__mro__:
        if base in covered:
            continue
        rule = _rule(base)
        nearest = base
        if rule is not None:
            nearest = _nearest(kind, base, (package(base), *rule.layouts))
        elif not has_form and (rule := objects.rule_of_form(base)) is not None:
            has_form = True
            # A namedtuple's fields are its tuple's cells. The other forms leave what their bases
            # hold to the rules of those bases.
            nearest = tuple if objects.is_namedtuple(base) else object
        if rule is not None:
            covered.update(each for each in nearest.__mro__ if each is not object)
            yield Claim(base, rule, nearest)


def _read_library(library: str) -> None:
    """Adds the rules of an optional library. Rules that a user has set stay."""
    if library not in _LIBRARIES or library in _read:
        return
    module, extra = _LIBRARIES[library]
    try:
        rules = import_module(f"{__package__}.{module}").RULES
    except ImportError as error:
        raise NotComparable(
            f"a value of {library} needs {error.name}: pip install 'prefect-compat[{extra}]'"
        ) from error
    _RULES.update({kind: rule for kind, rule in rules.items() if kind not in _RULES})
    _read.add(library)


def _rule(base: type) -> Rule | None:
    _read_library(package(base))
    rule = _RULES.get(base) or objects.RULES_BY_NAME.get(qualified(base))
    return Rule(_extended(base)) if rule is None and base in _EXACT else rule


def _nearest(kind: type, base: type, packages: tuple[str, ...]) -> type:
    return next(
        each
        for each in kind.__mro__
        if each is base or (base in each.__mro__ and ("*" in packages or package(each) in packages))
    )


def _extended(base: type) -> Callable[[Any], Parts]:
    return lambda value: Parts((_itself("value", _EXACT[base](value)),))


def _itself(name: str, value: Any) -> Part:
    return Part(name, value, is_itself=True)


def _is_its_value(member: Enum, base: type) -> bool:
    """True if an enum's member equals its value as the number or text that it derives from."""
    value = vars(member)["_value_"]
    # By `repr`: NaN is not equal to itself, and 0.0 equals -0.0.
    return type(value) is base in LEAVES and repr(value) == repr(_EXACT[base](member))


def _by_rule(rule: Rule, value: Any) -> Any:
    try:
        return rule.as_plain(value)
    except NotComparable:
        raise
    except Exception as error:  # a user's own code, or properties of a user's class
        raise NotComparable(
            f"{qualified(type(value))} cannot be taken apart: {type(error).__name__}: {error}"
        ) from error
