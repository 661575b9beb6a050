import numpy as np
import pytest

from tests.ticket_assets.store.things import KEYS, table
from ticket_assets.store.digests import content_digests, document_digest
from ticket_assets.store.provenance import with_provenance


def test_a_day_s_digest_does_not_depend_on_the_other_days() -> None:
    together = content_digests(table(), KEYS)
    alone = with_provenance(table().iloc[:2], {KEYS[0]: {"seed": 0}})
    assert content_digests(alone, KEYS[:1])[KEYS[0]] == together[KEYS[0]]


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.assign(number=np.nextafter(t["number"], 2)),
        lambda t: t.assign(text=t["text"].fillna("")),
        lambda t: t.rename(columns={"text": "texts"}),
        lambda t: t.astype({"log_row": "int32"}),
        lambda t: t[["log_row", "day", "text", "flag", "number", "time"]],
        lambda t: with_provenance(t, {key: {"seed": 9} for key in KEYS}),
    ],
    ids=["last bit", "missing text", "name", "type", "column order", "provenance"],
)
def test_a_change_is_seen(change: object) -> None:
    changed = change(table())  # type: ignore[operator]
    changed.attrs = changed.attrs or table().attrs
    assert content_digests(changed, KEYS)[KEYS[0]] != content_digests(table(), KEYS)[KEYS[0]]


def test_documents_have_a_digest_a_day_whatever_the_order_of_their_keys() -> None:
    documents = {KEYS[0]: {"a": 1, "b": 2}, KEYS[1]: {"b": 2, "a": 1}, KEYS[2]: {"a": 1, "b": 3}}
    digests = content_digests(documents, KEYS)
    assert digests[KEYS[0]] == digests[KEYS[1]] == document_digest({"a": 1, "b": 2})
    assert digests[KEYS[2]] != digests[KEYS[0]]
