"""The pages of the documentation are those of the generator."""

from pathlib import Path

from prefect_compat.eject.rules.all_rules import STEP_RULES
from tests import needs

DOCS = Path(__file__).parents[3] / "docs"


def test_the_ticket_flow_in_the_docs_is_the_one_that_is_written() -> None:
    needs.tickets()
    from tools.ejected_flow import PAGE, page

    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tools.ejected_flow`"


def test_the_docs_have_every_rule() -> None:
    text = (DOCS / "eject.md").read_text(encoding="utf-8")
    assert [rule.name for rule in STEP_RULES if f"| {rule.name} |" not in text] == []
