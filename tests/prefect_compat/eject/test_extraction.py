"""What is taken from a project's modules, and what is refused, with file and line."""

from pathlib import Path

import pytest

from prefect_compat.eject.eject import EjectOptions
from prefect_compat.errors import EjectError
from tests.prefect_compat.eject.written_projects import ejected

VENDORED = EjectOptions(is_vendored=True)


def code_of(text: str) -> str:
    """The code of a written file, without its header."""
    lines = text.splitlines(keepends=True)
    start = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    return "".join(lines[start:]).strip() + "\n"


def test_a_function_keeps_its_comments_and_its_formatting(tmp_path: Path) -> None:
    project = ejected(
        tmp_path,
        {
            "shop.py": "import dagster as dg\n\n"
            "RATE = 2  # per cent\n"
            "UNUSED = dg.DailyPartitionsDefinition('2024-01-01')\n\n"
            "# Of the till.\n"
            "@dg.asset\n"
            "def sales() -> dict[str, int]:\n"
            '    """The sales."""\n'
            "    table = {\n"
            '        "chair": 3,  # wood\n'
            "    }\n\n"
            "    return {name: RATE * number for name, number in table.items()}\n"
        },
    )
    assert code_of(project.files["tasks/shop.py"]) == (
        "RATE = 2  # per cent\n\n\n"
        "# Of the till.\n"
        "def sales() -> dict[str, int]:\n"
        '    """The sales."""\n'
        "    table = {\n"
        '        "chair": 3,  # wood\n'
        "    }\n\n"
        "    return {name: RATE * number for name, number in table.items()}\n"
    )


def test_a_parameter_of_an_asset_s_name_does_not_bring_the_asset(tmp_path: Path) -> None:
    project = ejected(
        tmp_path,
        {
            "shop.py": "import dagster as dg\n\n"
            "@dg.asset\ndef sales() -> int:\n    return 1\n\n"
            "@dg.asset\ndef doubled(sales: int) -> int:\n    return 2 * sales\n"
        },
        job=None,
    )
    assert code_of(project.files["tasks/shop.py"]).count("def sales") == 1


def test_modules_without_dagster_are_imported_or_copied(tmp_path: Path) -> None:
    files = {
        "shop/__init__.py": "",
        "shop/prices.py": "PRICE = 5\nOTHER = 6\n\ndef price() -> int:\n    return PRICE\n",
        "shop/defs.py": "import dagster as dg\nfrom .prices import price\n\n"
        "@dg.asset\ndef sales() -> int:\n    return price()\n",
    }
    kept = ejected(tmp_path, files, module="shop.defs")
    assert "from shop.prices import price\n" in kept.files["tasks/defs.py"]
    assert "- `shop.prices`" in kept.files["NOT_CARRIED.md"]
    copied = ejected(tmp_path, files, VENDORED, module="shop.defs")
    assert "from tasks.prices import price\n" in copied.files["tasks/defs.py"]
    assert code_of(copied.files["tasks/prices.py"]) == (
        "PRICE = 5\n\n\ndef price() -> int:\n    return PRICE\n"
    )


def test_a_factory_s_assets_share_one_function_with_parameters(tmp_path: Path) -> None:
    project = ejected(
        tmp_path,
        {
            "shop.py": "import dagster as dg\n\n"
            "def sales_of(shop: str, number: int):\n"
            "    @dg.asset(name=f'sales_{shop}')\n"
            "    def sales() -> int:\n"
            "        return number\n"
            "    return sales\n\n"
            "defs = dg.Definitions([sales_of('north', 3), sales_of('south', 4)])\n"
        },
    )
    assert code_of(project.files["tasks/shop.py"]) == (
        "def sales(*, number: int) -> int:\n    return number\n"
    )
    flow = project.files["flows/all_assets.py"]
    assert "shop.sales(number=3)" in flow
    assert "shop.sales(number=4)" in flow


def test_a_name_of_a_star_import_is_imported_by_its_name(tmp_path: Path) -> None:
    project = ejected(
        tmp_path,
        {
            "shop/__init__.py": "",
            "shop/prices.py": "PRICE = 5\n",
            "shop/defs.py": "import dagster as dg\nfrom shop.prices import *\n\n"
            "@dg.asset\ndef sales() -> int:\n    return PRICE\n",
        },
        VENDORED,
        module="shop.defs",
    )
    assert "from tasks.prices import PRICE\n" in project.files["tasks/defs.py"]


REFUSED = {
    "a lambda": (
        "import dagster as dg\n\nsales = dg.asset(name='sales')(lambda: 1)\n",
        r"sales \(shop\.py:3\): a lambda has no source of its own",
    ),
    "a decorator in between": (
        "import functools\nimport dagster as dg\n\n"
        "def twice(function):\n"
        "    @functools.wraps(function)\n"
        "    def called():\n        return 2 * function()\n"
        "    return called\n\n"
        "@dg.asset\n@twice\ndef sales() -> int:\n    return 1\n",
        "a decorator stands between Dagster's and the function",
    ),
    "what a factory's function has captured": (
        "import dagster as dg\n\n"
        "class Till:\n    pass\n\n"
        "def sales_of(till):\n"
        "    @dg.asset\n"
        "    def sales() -> str:\n        return str(till)\n"
        "    return sales\n\n"
        "defs = dg.Definitions([sales_of(Till())])\n",
        r"shop\.py:7: it reads 'till' of the function around it, a Till",
    ),
    "something that no rule replaces": (
        "import dagster as dg\n\n"
        "@dg.asset\ndef sales(context) -> int:\n"
        "    dg.materialize([])\n"
        "    return 1\n",
        r"sales: shop\.py:5: no rule replaces `dg\.materialize`",
    ),
    "an attribute that the context has not": (
        "import dagster as dg\n\n"
        "@dg.asset\ndef sales(context) -> int:\n"
        "    return len(context.instance.get_runs())\n",
        r"shop\.py:5: the context has no `instance`",
    ),
    "a secret of a resource": (
        "import dagster as dg\n\n"
        "class Till(dg.ConfigurableResource):\n    url: str\n\n"
        "@dg.asset\ndef sales(till: Till) -> int:\n    return 1\n\n"
        "defs = dg.Definitions([sales], resources={'till': Till(url='https://me:pw@a.b/c')})\n",
        "has a secret in its field 'url'. Use dg.EnvVar",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_by_name(tmp_path: Path, name: str) -> None:
    code, message = REFUSED[name]
    with pytest.raises(EjectError, match=message):
        ejected(tmp_path, {"shop.py": code})


def test_a_helper_that_is_refused_is_refused_for_each_step_that_needs_it(tmp_path: Path) -> None:
    code = (
        "import dagster as dg\n\n"
        "def helper() -> int:\n    dg.materialize([])\n    return 1\n\n"
        "@dg.asset\ndef first() -> int:\n    return helper()\n\n"
        "@dg.asset\ndef second() -> int:\n    return helper()\n\n"
        "@dg.asset\ndef third() -> int:\n    return 3\n"
    )
    with pytest.raises(EjectError, match=r"2 of 3 steps"):
        ejected(tmp_path / "a", {"shop.py": code})
    files = ejected(tmp_path / "b", {"shop.py": code}, EjectOptions(has_stubs=True)).files
    assert "materialize" not in files["tasks/shop.py"]


def test_a_step_behind_an_optional_output_of_an_op_is_refused(tmp_path: Path) -> None:
    code = (
        "import dagster as dg\n\n"
        "OUT = {'a': dg.Out(int, is_required=False), 'b': dg.Out(int, is_required=False)}\n\n"
        "@dg.op(out=OUT)\ndef branch():\n    yield dg.Output(1, 'a')\n\n"
        "@dg.op\ndef after(number: int) -> int:\n    return number\n\n"
        "@dg.job\ndef work():\n    _, b = branch()\n    after(b)\n\n"
        "defs = dg.Definitions(jobs=[work])\n"
    )
    with pytest.raises(EjectError, match=r"after: an output of branch that it needs may not be ma"):
        ejected(tmp_path, {"shop.py": code}, job="work")


def test_a_byte_order_mark_is_no_code(tmp_path: Path) -> None:
    code = "\ufeffimport dagster as dg\n\n@dg.asset\ndef one() -> int:\n    return 1\n"
    assert "def one() -> int:" in ejected(tmp_path, {"shop.py": code}).files["tasks/shop.py"]


def test_all_refusals_are_listed_and_a_stub_raises_its_own(tmp_path: Path) -> None:
    code = (
        "import dagster as dg\n\n"
        "@dg.asset\ndef one() -> int:\n    return dg.x\n\n"
        "@dg.asset\ndef two() -> int:\n    return dg.y\n\n"
        "@dg.asset\ndef three() -> int:\n    return 3\n"
    )
    with pytest.raises(EjectError, match=r"2 of 3 steps") as refused:
        ejected(tmp_path, {"shop.py": code})
    assert "shop.py:5: no rule replaces `dg.x`" in str(refused.value)
    assert "shop.py:9: no rule replaces `dg.y`" in str(refused.value)
    project = ejected(tmp_path, {"shop.py": code}, EjectOptions(has_stubs=True))
    assert {step.name for step in project.refused} == {"one", "two"}
    assert project.files["flows/all_assets.py"].count("raise NotImplementedError(") == 2
    assert "- **one**: shop.py:5" in project.files["NOT_CARRIED.md"]


def test_no_secret_is_written(tmp_path: Path) -> None:
    code = (
        "import dagster as dg\nfrom pydantic import SecretStr\n\n"
        "class Till(dg.ConfigurableResource):\n"
        "    key: dg.ResourceDependency[SecretStr]\n    token: str\n\n"
        "@dg.asset\ndef sales(till: Till) -> int:\n    return 1\n\n"
        "defs = dg.Definitions([sales], resources={'till':"
        " Till(key=SecretStr('hush'), token=dg.EnvVar('TOKEN'))})\n"
    )
    project = ejected(tmp_path, {"shop.py": code})
    assert not [name for name, text in project.files.items() if "hush" in text]
    assert 'token=os.environ["TOKEN"]' in project.files["resources.py"]


def test_retries_that_a_function_asks_for_are_those_of_its_task(tmp_path: Path) -> None:
    code = (
        "import dagster as dg\n\n"
        "@dg.asset\ndef sales() -> int:\n"
        "    try:\n        return 1\n"
        "    except OSError as error:\n"
        "        raise dg.RetryRequested(max_retries=3, seconds_to_wait=2) from error\n"
    )
    project = ejected(tmp_path, {"shop.py": code})
    assert (
        "raise RetryRequested(max_retries=3, seconds_to_wait=2) from error"
        in (project.files["tasks/shop.py"])
    )
    assert (
        '@task(name="sales", retries=3, retry_delay_seconds=2.0, retry_condition_fn=is_requested)'
        in project.files["flows/all_assets.py"]
    )


def test_retries_that_only_a_run_knows_are_refused(tmp_path: Path) -> None:
    code = (
        "import dagster as dg\n\nN = 3\n\n"
        "@dg.asset\ndef sales() -> int:\n    raise dg.RetryRequested(max_retries=N)\n"
    )
    with pytest.raises(EjectError, match=r"shop\.py:5: it asks for retries by `RetryRequested`"):
        ejected(tmp_path, {"shop.py": code})
