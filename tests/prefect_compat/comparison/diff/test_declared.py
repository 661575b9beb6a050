"""What is declared about rows: read from options, settings and metadata, and told in words."""

import dagster as dg
import pytest

from prefect_compat.comparison.diff.declared import (
    EXACT,
    Declared,
    Rules,
    Tolerance,
    keys_of_assets,
    parse_rules,
    rules_of_settings,
    validate_installed,
)
from prefect_compat.errors import ConfigError
from prefect_compat.graph.project_settings import ProjectSettings


@pytest.mark.parametrize(
    ("text", "tolerance", "words"),
    [
        ("1e-9", Tolerance(1e-9), "1e-09"),
        (".5", Tolerance(0.5), "0.5"),
        ("0.1%", Tolerance(relative=0.001), "0.1%"),
        ("250ms", Tolerance(0.25), "0.25"),
        ("2 min", Tolerance(120.0), "120"),
        ("0", Tolerance(), "0"),
    ],
)
def test_a_tolerance(text: str, tolerance: Tolerance, words: str) -> None:
    assert Tolerance.parse(text) == tolerance
    assert str(tolerance) == words


@pytest.mark.parametrize("text", ["", "-1", "1 year", "near", "1e", "nan"])
def test_no_tolerance(text: str) -> None:
    with pytest.raises(ConfigError, match="is no tolerance; expected a number such as 1e-9"):
        Tolerance.parse(text)


def test_the_options_of_the_command_line() -> None:
    rules = parse_rules(
        keys=["orders=id, line"],
        tolerances=["orders:amount=1e-9", "*:*=1%"],
        ignored=["orders:loaded_at"],
        any_order=["shop/stock"],
        renamed=["orders:old=new"],
    )
    assert rules.of("orders") == Declared(
        key=("id", "line"),
        tolerances=(("*", Tolerance(relative=0.01)), ("amount", Tolerance(1e-9))),
        ignored=("loaded_at",),
        renamed=(("old", "new"),),
    )
    assert rules.of("shop/stock").any_order
    assert rules.of("another") == Declared(tolerances=(("*", Tolerance(relative=0.01)),))


@pytest.mark.parametrize(
    "options",
    [
        {"keys": ["orders"]},
        {"keys": ["orders="]},
        {"tolerances": ["amount=1"]},
        {"ignored": ["orders"]},
        {"renamed": ["orders:old"]},
    ],
)
def test_an_option_that_is_not_understood(options: dict[str, list[str]]) -> None:
    with pytest.raises(ConfigError, match="is not understood; expected one such as orders"):
        parse_rules(**options)


def test_settings_and_options_are_merged() -> None:
    settings = ProjectSettings.model_validate(
        {
            "assets": {
                "orders": {
                    "key": ["id"],
                    "tolerance": {
                        "amount": 1e-9,
                        "at": "2s",
                        "share": {"absolute": "1ms", "relative": 0.5},
                    },
                    "ignore": ["loaded_at"],
                    "any_order": True,
                    "rename": {"old": "new"},
                }
            }
        }
    )
    rules = rules_of_settings(settings).merged(parse_rules(keys=["orders=line"]))
    assert rules.of("orders") == Declared(
        key=("line",),
        tolerances=(
            ("amount", Tolerance(1e-9)),
            ("at", Tolerance(2.0)),
            ("share", Tolerance(0.001, 0.5)),
        ),
        ignored=("loaded_at",),
        any_order=True,
        renamed=(("old", "new"),),
    )


def test_keys_in_the_metadata_of_assets() -> None:
    rules = keys_of_assets(
        {
            ("orders",): {"prefect_compat/key": dg.MetadataValue.json(["id", "line"])},
            ("shop", "stock"): {"prefect_compat/key": "id"},
            ("rest",): {"owner": "us"},
        }
    )
    assert (rules.of("orders").key, rules.of("shop/stock").key) == (("id", "line"), ("id",))
    assert rules.of("rest") == EXACT


def test_the_words_say_everything() -> None:
    declared = Declared(
        key=("id",),
        tolerances=(("a", Tolerance(1e-9)), ("b", Tolerance(1e-9)), ("*", Tolerance(0, 0.01))),
        ignored=("c",),
        any_order=True,
        renamed=(("d", "e"),),
    )
    assert declared.words == (
        "within 1e-09 in a, b; within 1% in all numbers; without c; in any order; with d as e;"
        " by id"
    )
    rules = Rules({"*": Declared(any_order=True), "orders": declared, "rest": EXACT})
    assert rules.words == f"all assets: in any order · orders: {declared.words}"
    assert (declared.is_exact, Declared(key=("id",)).is_exact) == (False, True)


@pytest.mark.parametrize("missing", ["duckdb", "pyarrow"])
def test_rules_that_need_a_package_which_is_missing(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setattr(
        "prefect_compat.comparison.diff.declared.find_spec",
        lambda name: None if name == missing else name,
    )
    validate_installed(parse_rules(tolerances=["*:*=1e-9"]))
    with pytest.raises(ConfigError, match=rf'need {missing}: pip install "prefect-compat\[tables'):
        validate_installed(parse_rules(keys=["orders=id"]))
