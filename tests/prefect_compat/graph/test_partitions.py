import pytest

from prefect_compat.errors import PartitionError
from prefect_compat.graph.partitions import parse_partition
from tests.prefect_compat.graphs import DAYS


def test_a_key_and_a_range() -> None:
    assert parse_partition("2016-05-10", DAYS) == ("2016-05-10",)
    assert parse_partition("2016-05-30...2016-05-31", DAYS) == ("2016-05-30", "2016-05-31")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2016-06-01", "'2016-06-01' does not exist; there are 31, from '2016-05-01'"),
        ("2016-05-10...2016-07-01", "'2016-07-01' does not exist"),
        ("2016-05-10...2016-05-01", r"is reversed; expected '2016-05-01\.\.\.2016-05-10'"),
        ("2016-05-10...", "is malformed; expected one key"),
        ("2016-05-01...2016-05-02...2016-05-03", "is malformed"),
        ("10/5/2016", "does not exist"),
        ("", "is malformed"),
    ],
)
def test_what_is_no_partition_is_said(text: str, words: str) -> None:
    with pytest.raises(PartitionError, match=words):
        parse_partition(text, DAYS)
