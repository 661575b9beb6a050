"""The shown part of an address never contains a secret, whatever a user typed."""

import logging
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticket_assets.addresses import UNREADABLE, holds_secret, printable, requests_not_logged


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://host/log.zip", "https://host/log.zip"),
        ("https://user:hunter2@host/log.zip?token=hunter2#hunter2", "https://host/log.zip"),
        ("https://hunter2@host:8443/log.zip", "https://host:8443/log.zip"),
        ("https://host?token=hunter2", "https://host"),
        ("https://host/log.zip?mail=hunter2@host", "https://host/log.zip"),
        ("https://host#hunter2", "https://host"),
        ("https://user:hunter2@[2001:db8::1]:8080/log.zip?hunter2", "https://[2001:db8::1]:8080/log.zip"),
        ("https://[fe80::1%25eth0]/log.zip", "https://[fe80::1%25eth0]/log.zip"),
        ("https://host/a@b/log@1.zip", "https://host/a@b/log@1.zip"),
        ("http://127.0.0.1:8080/a@b/log.zip", "http://127.0.0.1:8080/a@b/log.zip"),
        ("http://localhost:8080/a@b/log.zip", "http://localhost:8080/a@b/log.zip"),
        ("https://user:hun@ter2@host/log.zip", "https://host/log.zip"),
        ("s3://bucket/some/log.csv", "s3://bucket/some/log.csv"),
        ("s3://key:hunter2@bucket/log.csv?versionId=hunter2", "s3://bucket/log.csv"),
        ("tcp://10.0.0.1:8786", "tcp://10.0.0.1:8786"),
        # A password with characters of an address: its end is ambiguous.
        ("https://user:hun/ter2@host/log.zip", f"https://{UNREADABLE}"),
        ("https://user:1/hunter2@host/log.zip", f"https://{UNREADABLE}"),
        ("https://user:hun@ter/2@host/log.zip", f"https://{UNREADABLE}"),
        ("https://user:hun@ter2?@host/log.zip", f"https://{UNREADABLE}"),
        ("https://user:hunter2@host/a@b.zip", f"https://{UNREADABLE}"),
        ("https://user:hun?ter2@host/log.zip", f"https://{UNREADABLE}"),
        ("https://user:1#hunter2@host/log.zip", f"https://{UNREADABLE}"),
        ("https://user:hun\\ter2@ho\\st/log.zip", f"https://{UNREADABLE}"),
        ("https://[hunter2/log.zip", f"https://{UNREADABLE}"),
        ("https://host:hunter2", f"https://{UNREADABLE}"),
        ("user:hunter2@https://host/log.zip", UNREADABLE),
        ("://hunter2", UNREADABLE),
        # Without `://`.
        ("user:hunter2@host/log.zip?token=hunter2", "host/log.zip"),
        ("//user:hunter2@host/log.zip", "host/log.zip"),
        ("https:/user:hunter2@host/log.zip", "host/log.zip"),
        ("host/log.zip?token=hunter2", "host/log.zip"),
        ("/log.zip?token=hunter2", "/log.zip"),
        ("/data/a@b/log#1.zip", "/data/a@b/log#1.zip"),
        ("../a@b/log.zip", "../a@b/log.zip"),
        ("~/log.zip", "~/log.zip"),
        ("sample", "sample"),
        ("", ""),
    ],
)  # fmt: skip
def test_an_address_is_shown_without_its_secrets(address: str, shown: str) -> None:
    assert printable(address) == shown
    assert holds_secret(address) is (address != shown)


@given(st.text())
def test_any_text_can_be_shown_and_showing_it_twice_changes_nothing(text: str) -> None:
    shown = printable(text)
    assert printable(shown) == shown
    assert "?" not in shown


SAFE = st.text("abcXYZ019-_~.", min_size=1)
ODD = st.text("abc019:@/?#[]%\\ é", min_size=1)


@given(scheme=st.sampled_from(["http", "https", "s3", "tls"]), user=SAFE, secret=ODD, path=SAFE)
def test_no_password_shows_whatever_its_characters(
    scheme: str, user: str, secret: str, path: str
) -> None:
    """`%` in front, which the rest of the address does not have, marks the secret."""
    shown = printable(f"{scheme}://{user}:%{secret}%@host/{path}")
    assert "%" not in shown


@given(secret=ODD, end=st.sampled_from("?#"))
def test_no_query_shows_whatever_its_characters(secret: str, end: str) -> None:
    assert printable(f"https://host/log.zip{end}{secret}") == "https://host/log.zip"


def test_what_urllib3_logs_of_other_threads_requests_is_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    logger = logging.getLogger("urllib3.connectionpool")
    with requests_not_logged():
        logger.debug("of this thread")
        other = threading.Thread(target=logger.debug, args=("of another thread",))
        other.start()
        other.join()
    logger.debug("of afterwards")
    assert [record.message for record in caplog.records] == ["of another thread", "of afterwards"]
