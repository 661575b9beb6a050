"""Shapes of definitions that are common in other people's projects."""

import ast
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from prefect_compat.eject.eject import Ejection, EjectOptions, eject
from prefect_compat.eject.header import Origin
from prefect_compat.errors import EjectError
from prefect_compat.graph.job import JobChoice
from prefect_compat.graph.job_source import JobSource
from prefect_compat.graph.project import Project
from tests.prefect_compat.eject.written_projects import forgotten_modules

Ejected = Callable[..., Ejection]
Imported = Callable[[Ejection, str], ModuleType]


@pytest.fixture
def ejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ejected]:
    """Ejects a job of modules that are written from their code, by their names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def of(files: dict[str, str], module: str, job: str | None = None) -> Ejection:
        for name, code in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(code, encoding="utf-8")
        source = JobSource(Project(module), JobChoice(job))
        options = EjectOptions(is_vendored=True)
        ejection = eject(source, Origin("the toy", None, ("prefect-compat",)), options)
        assert not ejection.refused
        for name, code in ejection.files.items():
            if name.endswith(".py"):
                assert "dagster" not in _imported(code), name
        return ejection

    yield of
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., ModuleType]]:
    """Writes an ejected project and imports one of its modules."""
    folder = tmp_path / "written"
    forgotten = ExitStack()

    def of(ejection: Ejection, module: str) -> ModuleType:
        # Another test may have imported a project of the same folders.
        names = {Path(name).parts[0].removesuffix(".py") for name in ejection.files}
        forgotten.enter_context(forgotten_modules(names - {"tests"}))
        for name, code in ejection.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(code, encoding="utf-8")
        monkeypatch.syspath_prepend(folder)
        return import_module(module)

    with forgotten:
        yield of


def _imported(code: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


def test_a_package_whose_name_starts_with_dagster_is_the_projects_own(
    ejected: Ejected, imported: Imported
) -> None:
    files = {
        "dagster_bakery/__init__.py": (
            "from dagster import Definitions\n"
            "from dagster_bakery.loaves import loaves\n"
            "defs = Definitions(assets=[loaves])\n"
        ),
        "dagster_bakery/loaves.py": (
            "from dagster import asset\n"
            "from dagster_bakery.settings import COUNT\n"
            "@asset\ndef loaves():\n    return COUNT\n"
        ),
        "dagster_bakery/settings.py": "import dagster\nCOUNT = 3\n",
    }
    module = imported(ejected(files, "dagster_bakery"), "tasks.loaves")
    assert module.loaves() == 3


def test_names_that_are_imported_from_dagster_one_by_one_are_replaced(
    ejected: Ejected, imported: Imported
) -> None:
    code = (
        "from dagster import Config, Definitions, AssetKey, Failure, asset\n"
        "class Oven(Config):\n    heat: int = 200\n"
        "@asset\ndef loaves(config: Oven):\n"
        "    if config.heat > 300:\n        raise Failure('burnt')\n"
        "    return AssetKey(['a', 'b']).to_user_string(), config.heat\n"
        "defs = Definitions(assets=[loaves])\n"
    )
    module = imported(ejected({"oneby.py": code}, "oneby"), "tasks.oneby")
    assert module.loaves(module.Oven()) == ("a/b", 200)
    with pytest.raises(Exception, match="burnt") as raised:
        module.loaves(module.Oven(heat=400))
    assert type(raised.value).__module__ == "failures"


def test_a_class_with_the_name_of_its_base_is_refused(ejected: Ejected) -> None:
    code = (
        "import dagster as dg\n"
        "class Config(dg.Config):\n    heat: int = 200\n"
        "@dg.asset\ndef loaves(config: Config):\n    return config.heat\n"
        "defs = dg.Definitions(assets=[loaves])\n"
    )
    with pytest.raises(EjectError, match=r"samename\.py:2: the class has the name of its base"):
        ejected({"samename.py": code}, "samename")


def test_a_file_whose_name_is_no_identifier_becomes_a_module(ejected: Ejected) -> None:
    code = (
        "import dagster as dg\n"
        "@dg.asset\ndef loaves():\n    return 1\n"
        "defs = dg.Definitions(assets=[loaves])\n"
    )
    ejection = ejected({"my-loaves.py": code}, "my-loaves")
    assert "tasks/my_loaves.py" in ejection.files


def test_resources_of_functions_objects_and_the_context(
    ejected: Ejected, imported: Imported
) -> None:
    code = (
        "from dagster import Definitions, IOManager, asset, io_manager, resource\n"
        "class Shelf:\n    size = 4\n"
        "SHELF = Shelf()\n"
        "KEPT = {}\n"
        "class Kept(IOManager):\n"
        "    def __init__(self, prefix):\n        self.prefix = prefix\n"
        "    def handle_output(self, context, obj):\n"
        "        KEPT[self.prefix + context.asset_key.path[-1]] = obj\n"
        "    def load_input(self, context):\n"
        "        return KEPT[self.prefix + context.asset_key.path[-1]]\n"
        "@io_manager(config_schema={'prefix': str})\n"
        "def kept(context):\n    return Kept(context.resource_config['prefix'])\n"
        "@resource\ndef oven(_):\n    return 'hot'\n"
        "@resource(config_schema={'password': str})\n"
        "def till(context):\n"
        "    yield context.resource_config['password']\n"
        "@asset(required_resource_keys={'oven', 'shelf', 'till'})\n"
        "def loaves(context):\n"
        "    r = context.resources\n"
        "    return r.oven, r.shelf.size, r.till\n"
        "defs = Definitions(assets=[loaves], resources={'oven': oven, 'shelf': SHELF,\n"
        "    'till': till.configured({'password': 'swordfish'}),\n"
        "    'io_manager': kept.configured({'prefix': 'p_'})})\n"
    )
    ejection = ejected({"functions.py": code}, "functions")
    assert not any(
        "swordfish" in text for name, text in ejection.files.items() if "tasks" not in name
    )
    # A comparison sets the places of `store_env`; a password is none.
    assert "TILL_PASSWORD" not in ejection.files["pyproject.toml"]
    flow = imported(ejection, f"flows.{Path(ejection.flow.split(':')[0]).stem}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TILL_PASSWORD", "pike")
        assert flow.loaves.fn() == ("hot", 4, "pike")
    assert sys.modules["tasks.functions"].KEPT == {"p_loaves": ("hot", 4, "pike")}


def test_an_object_without_a_name_is_refused_by_name(ejected: Ejected) -> None:
    code = (
        "import dagster as dg\n"
        "class Shelf:\n    size = 4\n"
        "@dg.asset\ndef loaves(shelf: dg.ResourceParam[Shelf]):\n    return shelf.size\n"
        "defs = dg.Definitions(assets=[loaves], resources={'shelf': Shelf()})\n"
    )
    with pytest.raises(EjectError, match="The resource 'shelf' is a Shelf without a name"):
        ejected({"nameless.py": code}, "nameless")


def test_what_the_context_does_not_have_is_refused_with_its_line(ejected: Ejected) -> None:
    code = (
        "import dagster as dg\n"
        "@dg.asset\ndef loaves(context):\n"
        "    context.log.info('a')\n"
        "    return context.instance.get_ref()\n"
        "defs = dg.Definitions(assets=[loaves])\n"
    )
    with pytest.raises(EjectError, match=r"lacking\.py:5: the context has no `instance`"):
        ejected({"lacking.py": code}, "lacking")


def test_the_configuration_of_an_op_with_a_schema_is_that_of_the_job(
    ejected: Ejected, imported: Imported
) -> None:
    code = (
        "from dagster import Definitions, Field, job, op\n"
        "@op(config_schema={'heat': Field(int, default_value=200), 'name': str})\n"
        "def bake(context):\n"
        "    return context.op_config['heat'], context.op_config['name']\n"
        "@job(config={'ops': {'bake': {'config': {'name': 'rye'}}}})\n"
        "def baking():\n    bake()\n"
        "defs = Definitions(jobs=[baking])\n"
    )
    ejection = ejected({"schema.py": code}, "schema", "baking")
    assert imported(ejection, "flows.baking").bake.fn() == (200, "rye")


def test_an_undeclared_configuration_is_refused(ejected: Ejected) -> None:
    code = (
        "from dagster import Definitions, job, op\n"
        "@op(config_schema={'name': str})\n"
        "def bake(context):\n    return context.op_config['name']\n"
        "@job\ndef baking():\n    bake()\n"
        "defs = Definitions(jobs=[baking])\n"
    )
    with pytest.raises(EjectError, match=r"does not declare its configuration.*name"):
        ejected({"undeclared.py": code}, "undeclared", "baking")


def test_an_input_takes_one_of_several_outputs_whatever_its_name(
    ejected: Ejected, imported: Imported
) -> None:
    code = (
        "from dagster import Definitions, Out, job, op\n"
        "@op(out={'white': Out(), 'dark': Out()})\n"
        "def flours():\n    return 1, 2\n"
        "@op\ndef bake(flour):\n    return flour\n"
        "@job\ndef baking():\n    white, dark = flours()\n    bake(dark)\n"
        "defs = Definitions(jobs=[baking])\n"
    )
    flow = imported(ejected({"outputs.py": code}, "outputs", "baking"), "flows.baking")
    assert flow.bake.fn(flow.flours.fn()) == 2


def test_a_duckdb_resource_becomes_a_plain_database(
    ejected: Ejected, imported: Imported, tmp_path: Path
) -> None:
    pytest.importorskip("dagster_duckdb", reason="needs dagster-duckdb, which no extra installs")
    code = (
        "import dagster as dg\n"
        "from dagster_duckdb import DuckDBResource\n"
        "@dg.asset\ndef loaves(database: DuckDBResource) -> int:\n"
        "    with database.get_connection() as connection:\n"
        "        return connection.execute('select 42').fetchone()[0]\n"
        "defs = dg.Definitions(assets=[loaves],\n"
        "    resources={'database': DuckDBResource(database=dg.EnvVar('BAKERY'))})\n"
    )
    ejection = ejected({"ducks.py": code}, "ducks")
    tasks, resources = imported(ejection, "tasks.ducks"), imported(ejection, "resources")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKERY", str(tmp_path / "bakery.duckdb"))
        assert tasks.loaves(resources.database()) == 42


def test_a_log_for_a_whole_module_can_be_imported_outside_of_a_run(
    ejected: Ejected, imported: Imported, caplog: pytest.LogCaptureFixture
) -> None:
    code = (
        "from dagster import Definitions, asset, get_dagster_logger\n"
        "LOG = get_dagster_logger()\n"
        "@asset\ndef loaves():\n    LOG.warning('rye is out')\n    return 1\n"
        "defs = Definitions(assets=[loaves])\n"
    )
    tasks = imported(ejected({"logging_module.py": code}, "logging_module"), "tasks.logging_module")
    assert tasks.loaves() == 1
    assert "rye is out" in caplog.text


def test_a_parameter_that_may_be_none_need_not_be_given(
    ejected: Ejected, imported: Imported
) -> None:
    code = (
        "from typing import Optional\n"
        "from dagster import Config, Definitions, asset\n"
        "class Oven(Config):\n    heat: Optional[int]\n    name: str = 'stone'\n"
        "@asset\ndef loaves(config: Oven):\n    return config.heat, config.name\n"
        "defs = Definitions(assets=[loaves])\n"
    )
    ejection = ejected({"optional.py": code}, "optional")
    tasks = imported(ejection, "tasks.optional")
    assert tasks.loaves(tasks.Oven()) == (None, "stone")
    assert tasks.loaves(tasks.Oven(heat=3)) == (3, "stone")
    (flow,) = (text for name, text in ejection.files.items() if name == ejection.flow.split(":")[0])
    assert "Oven = optional.Oven()" in flow  # the flow can be started without it


def test_what_a_written_file_imports_is_written_too(ejected: Ejected) -> None:
    code = (
        "import dagster as dg\n"
        "@dg.asset\ndef loaves():\n    return 1\n"
        "@dg.asset_check(asset=loaves)\n"
        "def enough(loaves):\n    return dg.AssetCheckResult(passed=loaves > 0)\n"
        "defs = dg.Definitions(assets=[loaves], asset_checks=[enough])\n"
    )
    files = ejected({"checked.py": code}, "checked").files
    tops = {name.removesuffix(".py") for name in files if "/" not in name}
    own = {"checks", "config", "context", "failures", "partitions", "resources", "storage"}
    for name, text in files.items():
        if name.endswith(".py"):
            assert _imported(text) & own <= tops, name


def test_files_beside_the_code_are_refused_with_the_line(ejected: Ejected) -> None:
    code = (
        "from pathlib import Path\n"
        "import dagster as dg\n"
        "HERE = Path(__file__).parent\n"
        "@dg.asset\ndef loaves():\n    return (HERE / 'loaves.csv').read_text()\n"
        "defs = dg.Definitions(assets=[loaves])\n"
    )
    with pytest.raises(EjectError, match=r"beside\.py:3: it looks for files beside `__file__`"):
        ejected({"beside.py": code}, "beside")


def test_a_list_of_dynamic_outputs_maps_as_well_as_yielded_ones(
    ejected: Ejected, imported: Imported
) -> None:
    code = (
        "from typing import List\n"
        "from dagster import Definitions, DynamicOut, DynamicOutput, job, op\n"
        "@op(out=DynamicOut())\n"
        "def sacks() -> List[DynamicOutput[int]]:\n"
        "    found = []\n"
        "    for number in range(2):\n"
        "        found.append(DynamicOutput(number, mapping_key=f'n{number}'))\n"
        "    return found\n"
        "@op\ndef bake(sack):\n    return sack\n"
        "@job\ndef baking():\n    sacks().map(bake)\n"
        "defs = Definitions(jobs=[baking])\n"
    )
    flow = imported(ejected({"listed.py": code}, "listed", "baking"), "flows.baking")
    assert flow.sacks.fn() == {"n0": 0, "n1": 1}


def test_an_import_that_depends_on_the_platform_stays_so(
    ejected: Ejected, imported: Imported
) -> None:
    code = (
        "import sys\n"
        "import dagster as dg\n"
        "if sys.platform == 'no such platform':\n    import no_such_module\n"
        "else:\n    import json\n"
        "@dg.asset\ndef loaves():\n"
        "    if sys.platform == 'no such platform':\n        return no_such_module.VALUE\n"
        "    return json.dumps([1])\n"
        "defs = dg.Definitions(assets=[loaves])\n"
    )
    tasks = imported(ejected({"platforms.py": code}, "platforms"), "tasks.platforms")
    assert tasks.loaves() == "[1]"
