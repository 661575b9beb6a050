import zipfile
from pathlib import Path

import pandas as pd
import pytest

from tests.logs import csv_bytes, write_log
from ticket_assets.errors import SourceError
from ticket_assets.event_log import DownloadLimits, open_log
from ticket_assets.event_log.download import sha256_of
from ticket_assets.event_log.synthetic import Shape, write_sample


def zipped(path: Path, **entries: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def left_in(cache: Path) -> list[str]:
    """Every file in the cache."""
    return sorted(str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file())


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def refused(path: Path | str, cache: Path, words: str, limit_mb: int = 4096) -> None:
    """The source is refused in these words, and nothing is left of it."""
    with pytest.raises(SourceError, match=words):
        open_log(str(path), cache=cache, limits=DownloadLimits(limit_mb=limit_mb))
    assert left_in(cache) == []


def test_a_zip_and_its_csv_are_the_same_log(tmp_path: Path, cache: Path) -> None:
    plain = open_log(str(write_log(tmp_path / "log.csv")), cache=cache)
    packed = open_log(str(zipped(tmp_path / "log.zip", **{"log.csv": csv_bytes()})), cache=cache)
    assert plain.identity.sha256 == packed.identity.sha256
    assert plain.path == packed.path


def test_a_zip_is_known_by_its_content(tmp_path: Path, cache: Path) -> None:
    archive = zipped(tmp_path / "log.zip", **{"log.csv": csv_bytes(), "__MACOSX/._log.csv": b"x"})
    renamed = archive.rename(tmp_path / "log.csv")
    assert open_log(str(renamed), cache=cache).identity.rows == 1


def test_not_a_zip(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "log.zip"
    path.write_bytes(b"no archive")
    refused(path, cache, "expected a zip archive")


def test_a_truncated_zip(tmp_path: Path, cache: Path) -> None:
    path = zipped(tmp_path / "log.zip", **{"log.csv": csv_bytes([{}] * 500)})
    path.write_bytes(path.read_bytes()[:-40])
    refused(path, cache, "damaged or truncated zip")


def test_a_zip_with_a_wrong_checksum(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "log.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("log.csv", csv_bytes())
    path.write_bytes(path.read_bytes().replace(b"INC0000045", b"INC0000046"))
    refused(path, cache, "damaged or truncated zip.*CRC")


def test_two_csvs_in_a_zip_are_named(tmp_path: Path, cache: Path) -> None:
    path = zipped(tmp_path / "log.zip", **{"a.csv": csv_bytes(), "b.csv": csv_bytes()})
    refused(path, cache, r"holds 2 CSV files \(a.csv, b.csv\)")


def test_no_csv_in_a_zip(tmp_path: Path, cache: Path) -> None:
    refused(zipped(tmp_path / "log.zip", **{"a.txt": b"x"}), cache, r"holds 0 CSV files")


def test_a_zip_that_unpacks_to_more_than_the_limit(tmp_path: Path, cache: Path) -> None:
    path = zipped(tmp_path / "log.zip", **{"log.csv": b"0" * (2 << 20)})
    refused(path, cache, "larger than 1 MiB", limit_mb=1)


@pytest.mark.parametrize("source", ["log.gz", "ftp://host/log.csv", "smaple", "missing.csv"])
def test_a_source_of_no_known_form_says_what_is_accepted(source: str, cache: Path) -> None:
    refused(source, cache, r"TICKET_EVENT_LOG is .*xpected sample, uci")


def test_the_uci_log_is_known_by_its_sha256(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, uci_archive: Path
) -> None:
    """Another log at UCI's address is refused; the archive around the CSV does not matter."""
    from ticket_assets.event_log import sources

    def fetched(path: Path) -> None:
        monkeypatch.setattr(sources, "fetch", lambda *_: path)

    fetched(write_log(tmp_path / "log.csv"))
    with pytest.raises(SourceError, match=r"sha256 is .*, expected fd184bbf"):
        open_log("uci", cache=cache)
    fetched(uci_archive)
    assert open_log("uci", cache=cache).identity.source == "uci"


class TestSample:
    def test_it_has_the_same_bytes_every_time(self, tmp_path: Path) -> None:
        shape = Shape(incidents=2000)
        for name in ("a", "b"):
            write_sample(tmp_path / name, shape)
        assert sha256_of(tmp_path / "a") == sha256_of(tmp_path / "b")
        # Known bytes: a change of the generator must raise its VERSION, or caches go stale.
        known = "75f662b61ee3866fadb71ac82ce5cf2e5d96195456030552b34207ffc17c4326"
        assert sha256_of(tmp_path / "a") == known

    def test_another_seed_is_another_log(self, tmp_path: Path) -> None:
        write_sample(tmp_path / "a", Shape(incidents=500))
        write_sample(tmp_path / "b", Shape(incidents=500, seed=1))
        assert sha256_of(tmp_path / "a") != sha256_of(tmp_path / "b")

    def test_it_is_shaped_like_the_real_log(self, sample_cache: Path) -> None:
        """As the UCI log: 356 days, 84 of them empty, one very large, priorities in its shares."""
        log = open_log("sample", cache=sample_cache)
        table = log.read(log.first_day, log.last_day).to_pandas(date_as_object=False)
        rows = table.groupby("day").size()
        assert (str(log.first_day), str(log.last_day)) == ("2016-02-29", "2017-02-18")
        assert len(rows) == 272
        assert rows.min() >= 3
        assert 15_000 < rows["2016-03-24"] == rows.max()
        shares = table["priority"].value_counts(normalize=True)
        assert shares["3 - Moderate"] == pytest.approx(0.9347, abs=0.01)
        assert shares["4 - Low"] == pytest.approx(0.0284, abs=0.005)
        assert "4 - Lower" not in shares
        assert table["sys_created_at"].isna().mean() == pytest.approx(0.375, abs=0.02)

    def test_its_incidents_live_plausible_lives(self, sample_cache: Path) -> None:
        log = open_log("sample", cache=sample_cache)
        table = log.read(log.first_day, log.last_day).to_pandas().sort_values("log_row")
        incidents = table.groupby("number", sort=False)
        assert (incidents["incident_state"].first() == "New").all()
        assert (incidents["incident_state"].last() == "Closed").all()
        assert (incidents["sys_mod_count"].diff().dropna() == 1).all()
        assert (table["opened_at"] <= table["sys_updated_at"]).all()
        assert (table["sys_updated_at"] <= table["closed_at"]).all()
        assert (incidents["sys_updated_at"].diff().dropna() >= pd.Timedelta(0)).all()
        assert table["number"].is_monotonic_increasing
