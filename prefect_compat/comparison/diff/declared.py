"""Declarations about the rows of an asset: key, tolerances, ignored columns, order, names."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from prefect_compat.errors import ConfigError
from prefect_compat.graph.project_settings import ColumnTolerance, ProjectSettings

ALL = "*"
KEY = "prefect_compat/key"
UNITS_S = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
NUMBER = r"\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?"


@dataclass(frozen=True)
class Tolerance:
    """The largest difference that counts as equal, by the rule of `math.isclose`.

    `absolute` is in the column's own unit, for times in seconds. `relative` is a share of the
    larger value; times have none.
    """

    absolute: float = 0.0
    relative: float = 0.0

    @classmethod
    def parse(cls, text: str) -> "Tolerance":
        """Reads `1e-9`, `0.1%` of the value, or for times `2s` (ms, s, min, h, d).

        Raises ConfigError for anything else.
        """
        found = re.fullmatch(rf"({NUMBER})\s*(%|ms|s|min|h|d)?", text.strip())
        if found is None:
            raise ConfigError(
                f"'{text}' is no tolerance; expected a number such as 1e-9, a share such as 0.1%,"
                " or for times a duration such as 2s (ms, s, min, h, d)."
            )
        value, unit = float(found[1]), found[2]
        if unit == "%":
            return cls(relative=value / 100)
        return cls(absolute=value * UNITS_S.get(unit, 1.0))

    def __str__(self) -> str:
        parts = [f"{self.absolute:g}"] if self.absolute or not self.relative else []
        return " or ".join([*parts, *([f"{self.relative * 100:g}%"] if self.relative else [])])


@dataclass(frozen=True)
class Declared:
    """Declarations for the rows of one asset. Without any, equal means equal to the bit.

    `key` names the columns by which rows are matched; without it they are matched by position.
    `tolerances` are by column, `*` for all columns of numbers. `renamed` has the left side's name
    of a column and the right side's.
    """

    key: tuple[str, ...] = ()
    tolerances: tuple[tuple[str, Tolerance], ...] = ()
    ignored: tuple[str, ...] = ()
    any_order: bool = False
    renamed: tuple[tuple[str, str], ...] = ()

    @property
    def is_exact(self) -> bool:
        """True if nothing is declared that could make different contents equal."""
        return not (self.tolerances or self.ignored or self.any_order or self.renamed)

    @property
    def needs_tables(self) -> bool:
        """True if anything but a tolerance is declared: that needs the tables themselves."""
        return bool(self.key or self.ignored or self.any_order or self.renamed)

    @property
    def words(self) -> str:
        """The declarations, for people; empty without any."""
        by_tolerance: dict[str, list[str]] = {}
        for column, tolerance in self.tolerances:
            by_tolerance.setdefault(str(tolerance), []).append(column)
        parts = [
            f"within {tolerance} in {', '.join(columns).replace(ALL, 'all numbers')}"
            for tolerance, columns in by_tolerance.items()
        ]
        if self.ignored:
            parts.append(f"without {', '.join(self.ignored)}")
        if self.any_order:
            parts.append("in any order")
        if self.renamed:
            parts.append("with " + ", ".join(f"{old} as {new}" for old, new in self.renamed))
        if self.key:
            parts.append(f"by {', '.join(self.key)}")
        return "; ".join(parts)

    def merged(self, other: "Declared") -> "Declared":
        """These rules, with those of `other` in the place of what they set too."""
        return Declared(
            key=other.key or self.key,
            tolerances=tuple({**dict(self.tolerances), **dict(other.tolerances)}.items()),
            ignored=tuple(dict.fromkeys([*self.ignored, *other.ignored])),
            any_order=self.any_order or other.any_order,
            renamed=tuple({**dict(self.renamed), **dict(other.renamed)}.items()),
        )


EXACT = Declared()


@dataclass(frozen=True)
class Rules:
    """Declarations by asset (`orders`, `shop/orders`), `*` for all."""

    by_asset: Mapping[str, Declared] = field(default_factory=dict)

    def of(self, asset: str) -> Declared:
        """The declarations for all assets, and over them those for this one alone."""
        return self.by_asset.get(ALL, EXACT).merged(self.by_asset.get(asset, EXACT))

    def merged(self, other: "Rules") -> "Rules":
        """These rules, with those of `other` in the place of what they set too."""
        names = dict.fromkeys([*self.by_asset, *other.by_asset])
        return Rules(
            {
                name: self.by_asset.get(name, EXACT).merged(other.by_asset.get(name, EXACT))
                for name in names
            }
        )

    @property
    def words(self) -> str:
        """The declarations of all assets, for people."""
        entries = ((name, declared.words) for name, declared in self.by_asset.items())
        return " · ".join(
            f"{'all assets' if name == ALL else name}: {words}" for name, words in entries if words
        )


NO_RULES = Rules()


def validate_installed(rules: Rules) -> None:
    """Raises ConfigError if rules were declared for which a package is missing."""
    if not any(declared.needs_tables for declared in rules.by_asset.values()):
        return
    missing = [name for name in ("duckdb", "pyarrow") if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"Keys, ignored columns, renames and any order need {' and '.join(missing)}:"
            ' pip install "prefect-compat[tables]".'
        )


def parse_rules(
    keys: Iterable[str] = (),
    tolerances: Iterable[str] = (),
    ignored: Iterable[str] = (),
    any_order: Iterable[str] = (),
    renamed: Iterable[str] = (),
) -> Rules:
    """Reads the options of the command line.

    `keys` are `ASSET=COLUMN[,COLUMN]`, `tolerances` `ASSET:COLUMN=VALUE`, `ignored`
    `ASSET:COLUMN`, `any_order` `ASSET`, `renamed` `ASSET:LEFT=RIGHT`; `*` stands for all assets,
    and as a column for all columns of numbers. Raises ConfigError for anything else.
    """
    rules = NO_RULES
    for text in keys:
        asset, columns = _split(text, "=", "--key", "orders=id")
        rules = _with(rules, asset, Declared(key=tuple(map(str.strip, columns.split(",")))))
    for text in tolerances:
        place, value = _split(text, "=", "--tolerance", "orders:amount=1e-9")
        asset, column = _split(place, ":", "--tolerance", "orders:amount=1e-9")
        declared = Declared(tolerances=((column, Tolerance.parse(value)),))
        rules = _with(rules, asset, declared)
    for text in ignored:
        asset, column = _split(text, ":", "--ignore-column", "orders:loaded_at")
        rules = _with(rules, asset, Declared(ignored=(column,)))
    for text in any_order:
        rules = _with(rules, text.strip(), Declared(any_order=True))
    for text in renamed:
        asset, names = _split(text, ":", "--rename", "orders:old=new")
        old, new = _split(names, "=", "--rename", "orders:old=new")
        rules = _with(rules, asset, Declared(renamed=((old, new),)))
    return rules


def _with(rules: Rules, asset: str, declared: Declared) -> Rules:
    return rules.merged(Rules({asset: declared}))


def _split(text: str, mark: str, option: str, example: str) -> tuple[str, str]:
    left, found, right = text.partition(mark)
    if not (found and left.strip() and right.strip()):
        raise ConfigError(f"{option} '{text}' is not understood; expected one such as {example}.")
    return left.strip(), right.strip()


def rules_of_settings(settings: ProjectSettings) -> Rules:
    """The rules of [tool.prefect-compat.assets].

    Raises ConfigError for a tolerance that is not understood.
    """
    return Rules(
        {
            name: Declared(
                key=asset.key,
                tolerances=tuple(
                    (column, _tolerance(value)) for column, value in asset.tolerance.items()
                ),
                ignored=asset.ignore,
                any_order=asset.any_order,
                renamed=tuple(asset.rename.items()),
            )
            for name, asset in settings.assets.items()
        }
    )


def _tolerance(value: float | str | ColumnTolerance) -> Tolerance:
    if not isinstance(value, ColumnTolerance):
        return Tolerance.parse(str(value))
    absolute = Tolerance.parse(str(value.absolute or 0)).absolute
    return Tolerance(absolute, value.relative or 0.0)


def keys_of_assets(metadata: Mapping[tuple[str, ...], Mapping[str, Any]]) -> Rules:
    """The keys in the assets' metadata `prefect_compat/key`: a name, or a list of names."""
    keys = {"/".join(path): _key(of_asset.get(KEY)) for path, of_asset in metadata.items()}
    return Rules({asset: Declared(key=key) for asset, key in keys.items() if key})


def _key(value: Any) -> tuple[str, ...]:
    value = getattr(value, "value", value)  # of a MetadataValue
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(map(str, value))
