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
        ("3h", Tolerance(10800.0), "10800"),
        ("1 d", Tolerance(86400.0), "86400"),
    ],
)
def test_a_tolerance(text: str, tolerance: Tolerance, words: str) -> None:
    assert Tolerance.parse(text) == tolerance
    assert str(tolerance) == words


@pytest.mark.parametrize("text", ["", "-1", "1 year", "near", "1e", "nan"])
def test_no_tolerance(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Tolerance.parse(text)
    assert str(caught.value) == (
        f"'{text}' is no tolerance; expected a number such as 1e-9, a share such as 0.1%, or for"
        " times a duration such as 2s (ms, s, min, h, d)."
    )


def test_a_tolerance_of_both_kinds_in_words() -> None:
    assert str(Tolerance(0.5, 0.01)) == "0.5 or 1%"


def test_options_are_read_as_rules() -> None:
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


def test_the_first_mark_parts_an_option_and_spaces_around_it_do_not_count() -> None:
    rules = parse_rules(
        keys=["orders = a=b, c"],
        ignored=["orders: a:b "],
        any_order=[" orders "],
        renamed=["orders: old = new=er"],
    )
    assert rules.by_asset == {
        "orders": Declared(
            key=("a=b", "c"), ignored=("a:b",), any_order=True, renamed=(("old", "new=er"),)
        )
    }


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"keys": ["orders"]}, "--key 'orders' is not understood; expected one such as orders=id."),
        ({"keys": ["orders="]}, "--key 'orders=' is not understood; expected one such as"),
        ({"keys": ["=id"]}, "--key '=id' is not understood; expected one such as orders=id."),
        (
            {"tolerances": ["orders:amount"]},
            "--tolerance 'orders:amount' is not understood; expected one such as"
            " orders:amount=1e-9.",
        ),
        (
            {"tolerances": ["amount=1"]},
            "--tolerance 'amount' is not understood; expected one such as orders:amount=1e-9.",
        ),
        (
            {"ignored": ["orders"]},
            "--ignore-column 'orders' is not understood; expected one such as orders:loaded_at.",
        ),
        (
            {"renamed": ["old=new"]},
            "--rename 'old=new' is not understood; expected one such as orders:old=new.",
        ),
        (
            {"renamed": ["orders:old"]},
            "--rename 'old' is not understood; expected one such as orders:old=new.",
        ),
    ],
)
def test_an_option_that_is_not_understood(options: dict[str, list[str]], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_rules(**options)
    assert str(caught.value).startswith(words)


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
    assert rules_of_settings(settings).of("orders").key == ("id",)
    rules = rules_of_settings(settings).merged(parse_rules(keys=["orders=line", "stock=id"]))
    assert rules.of("stock") == Declared(key=("id",))
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


@pytest.mark.parametrize(
    ("written", "tolerance"),
    [({"relative": 0.5}, Tolerance(0.0, 0.5)), ({"absolute": "2s"}, Tolerance(2.0, 0.0))],
)
def test_a_tolerance_of_one_kind_in_the_settings(
    written: dict[str, object], tolerance: Tolerance
) -> None:
    settings = ProjectSettings.model_validate({"assets": {"orders": {"tolerance": {"x": written}}}})
    assert rules_of_settings(settings).of("orders").tolerances == (("x", tolerance),)


def test_what_is_set_for_all_assets_holds_for_each() -> None:
    one, two = parse_rules(any_order=["*"]), parse_rules(ignored=["orders:x"])
    for rules in (one.merged(two), two.merged(one)):
        assert rules.of("orders") == Declared(any_order=True, ignored=("x",))
        assert rules.of("stock") == Declared(any_order=True)


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


def test_all_packages_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prefect_compat.comparison.diff.declared.find_spec", lambda name: None)
    with pytest.raises(ConfigError) as caught:
        validate_installed(parse_rules(any_order=["*"]))
    assert str(caught.value) == (
        "Keys, ignored columns, renames and any order need duckdb and pyarrow:"
        ' pip install "prefect-compat[tables]".'
    )
