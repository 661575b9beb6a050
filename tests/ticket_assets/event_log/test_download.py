import hashlib
import json
import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.logs import csv_bytes
from tests.ticket_assets.event_log.conftest import FileServer, Handler, cut_off, status, whole
from ticket_assets.errors import SourceError
from ticket_assets.event_log import DownloadLimits, open_log
from ticket_assets.event_log.download import CHUNK, fetch

ROWS = [{"number": f"INC{n:07}"} for n in range(2000)]
# No attempt ends because the machine is busy.
LIMITS = DownloadLimits(timeout_s=600, attempts=3, wait_s=0.01)


def test_a_log_is_fetched_once_and_its_sha256_kept(
    server: FileServer, limits: DownloadLimits, tmp_path: Path
) -> None:
    server.content, server.answers = csv_bytes(ROWS), [whole]
    first = open_log(server.url, cache=tmp_path, limits=limits)
    again = open_log(server.url, cache=tmp_path, limits=limits)
    assert first == again
    assert first.identity.rows == 2000
    assert len(server.requests) == 1
    (facts,) = (tmp_path / "event_log" / "downloads").glob("*.json")
    assert json.loads(facts.read_text())["bytes"] == len(server.content)


def test_a_download_that_was_cut_off_resumes(
    server: FileServer, limits: DownloadLimits, tmp_path: Path
) -> None:
    server.content, server.answers = csv_bytes(ROWS), [cut_off, whole]
    log = open_log(server.url, cache=tmp_path, limits=limits)
    assert log.identity.rows == 2000
    start = int(server.requests[1]["Range"].removeprefix("bytes=").rstrip("-"))
    assert 0 < start <= len(server.content) // 2


def test_a_part_of_another_version_of_the_file_is_not_continued(
    server: FileServer, limits: DownloadLimits, tmp_path: Path
) -> None:
    """The server ignores Range where If-Range does not match: the part is started anew."""
    server.content = csv_bytes(ROWS)

    def other_version(handler: Handler) -> None:
        handler.send(200, server.content, ETag='"2"')

    server.answers = [cut_off, other_version]
    assert open_log(server.url, cache=tmp_path, limits=limits).identity.rows == 2000


@pytest.mark.parametrize("code", [500, 503, 429])
def test_the_server_s_passing_faults_are_retried(
    server: FileServer, limits: DownloadLimits, tmp_path: Path, code: int
) -> None:
    server.content, server.answers = csv_bytes(ROWS), [status(code), status(code), whole]
    lines: list[str] = []
    assert open_log(server.url, cache=tmp_path, limits=limits, log=lines.append)
    assert len([line for line in lines if line.startswith("fetching")]) == 3


def test_a_lasting_fault_is_reported_with_the_attempts(
    server: FileServer, limits: DownloadLimits, tmp_path: Path
) -> None:
    server.answers = [status(500)]
    with pytest.raises(SourceError, match=r"in 3 attempts; last: HTTP status 500"):
        open_log(server.url, cache=tmp_path, limits=limits)
    assert len(server.requests) == 3


def test_a_missing_page_is_not_tried_again(
    server: FileServer, limits: DownloadLimits, tmp_path: Path
) -> None:
    server.answers = [status(404)]
    with pytest.raises(SourceError, match="HTTP status 404"):
        open_log(server.url, cache=tmp_path, limits=limits)
    assert len(server.requests) == 1


def test_a_server_that_does_not_answer_is_given_up(
    server: FileServer, limits: DownloadLimits, tmp_path: Path
) -> None:
    done = threading.Event()
    server.answers = [lambda handler: bool(done.wait(600)) or None]
    with pytest.raises(SourceError, match="ReadTimeout"):
        open_log(server.url, cache=tmp_path, limits=limits)
    assert not done.is_set()
    done.set()


@pytest.mark.parametrize(
    "answer",
    [
        status(200, b"<p>please log in</p>", Content_Type="text/html; charset=utf-8"),
        status(200, b"  <!DOCTYPE html><html>moved</html>", Content_Type="application/zip"),
    ],
    ids=["by content type", "by content"],
)
def test_a_page_instead_of_data_is_refused(
    server: FileServer, limits: DownloadLimits, tmp_path: Path, answer: object
) -> None:
    server.answers = [answer]  # type: ignore[list-item]
    with pytest.raises(SourceError, match="HTML page instead of a zip or CSV"):
        open_log(server.url, cache=tmp_path, limits=limits)


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "only seen while reading"])
def test_a_download_over_the_limit_is_stopped_and_removed(
    server: FileServer, limits: DownloadLimits, tmp_path: Path, announced: bool
) -> None:
    def large(handler: Handler) -> None:
        handler.send_response(200)
        if announced:
            handler.send_header("Content-Length", str(3 << 20))
        handler.end_headers()
        handler.wfile.write(b"x" * (3 << 20))

    server.answers = [large]
    with pytest.raises(SourceError, match="larger than 1 MiB"):
        open_log(server.url, cache=tmp_path, limits=limits)
    assert not list((tmp_path / "event_log" / "downloads").glob("*.part"))


def test_a_cached_download_that_was_damaged_is_fetched_again(
    server: FileServer, limits: DownloadLimits, tmp_path: Path
) -> None:
    server.content, server.answers = csv_bytes(ROWS), [whole]
    open_log(server.url, cache=tmp_path, limits=limits)
    (kept,) = (tmp_path / "event_log" / "downloads").glob("*.download")
    kept.write_bytes(b"damaged")
    assert open_log(server.url, cache=tmp_path, limits=limits).identity.rows == 2000
    assert len(server.requests) == 2


def test_credentials_of_an_address_appear_nowhere(
    server: FileServer, limits: DownloadLimits, tmp_path: Path
) -> None:
    server.content, server.answers = csv_bytes(ROWS), [whole]
    secret = server.url.replace("http://", "http://user:hunter2@") + "?token=hunter2"
    lines: list[str] = []
    log = open_log(secret, cache=tmp_path, limits=limits, log=lines.append)
    kept = [
        path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file() and path.suffix in (".json", ".parquet")
    ]
    assert "hunter2" not in log.identity.location + "".join(lines)
    assert not any(b"hunter2" in content for content in kept)


def test_an_address_without_a_server_is_named(limits: DownloadLimits, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="ConnectionError"):
        open_log("http://127.0.0.1:9/log.csv", cache=tmp_path, limits=limits)


def _fetch_all(urls: list[str], folder: Path, start: "threading.Barrier", results: Any) -> None:
    """At the same moment as another process, each."""
    for url in urls:
        start.wait()
        try:
            results.put(fetch(url, folder, LIMITS, lambda line: None).read_bytes())
        except Exception as error:
            results.put(str(error))


def _fetch_one(url: str, folder: Path) -> None:
    fetch(url, folder, LIMITS, lambda line: None)


class TestTwoProcessesThatFetchOneAddress:
    def test_two_processes_at_once_both_get_it_by_one_request(
        self, server: FileServer, tmp_path: Path
    ) -> None:
        rounds = 6
        server.content, server.answers = csv_bytes(ROWS), [whole]
        urls = [f"{server.address}/{number}.csv" for number in range(rounds)]
        context = multiprocessing.get_context("spawn")
        start, results = context.Barrier(2), context.Queue()
        running = [
            context.Process(target=_fetch_all, args=(urls, tmp_path, start, results), daemon=True)
            for _ in range(2)
        ]
        for process in running:
            process.start()
        contents = [results.get() for _ in range(2 * rounds)]
        for process in running:
            process.join()
        assert [content == server.content or content for content in contents] == [True] * 12
        assert len(server.requests) == rounds
        assert {path.suffix for path in tmp_path.iterdir()} == {".download", ".json"}

    def test_the_second_says_that_it_waits_and_goes_on_where_the_first_was_killed(
        self, server: FileServer, tmp_path: Path
    ) -> None:
        half_sent, end = threading.Event(), threading.Event()

        def hang(handler: Handler) -> None:
            content = handler.state.content
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(content)))
            handler.send_header("ETag", '"1"')
            handler.end_headers()
            handler.wfile.write(content[: 2 * CHUNK])
            handler.wfile.flush()
            half_sent.set()
            end.wait()

        server.content, server.answers = csv_bytes(ROWS), [hang, whole]
        first = multiprocessing.get_context("spawn").Process(
            target=_fetch_one, args=(server.url, tmp_path), daemon=True
        )
        first.start()
        half_sent.wait()
        lines: list[str] = []

        def log(line: str) -> None:
            lines.append(line)
            if line.startswith("waiting"):
                first.kill()

        assert fetch(server.url, tmp_path, LIMITS, log).read_bytes() == server.content
        end.set()
        first.join()
        assert lines == [
            f"waiting for another process that fetches {server.url}",
            f"fetching {server.url} (attempt 1 of 3)",
        ]
        assert len(server.requests) == 2
        assert {path.suffix for path in tmp_path.iterdir()} == {".download", ".json"}

    def test_the_second_goes_on_where_the_first_failed(
        self, server: FileServer, tmp_path: Path
    ) -> None:
        asked, waits = threading.Event(), threading.Event()

        def refuse(handler: Handler) -> None:
            asked.set()
            waits.wait()
            handler.send(404, b"no")

        server.content, server.answers = csv_bytes(ROWS), [refuse, whole]
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(fetch, server.url, tmp_path, LIMITS, lambda line: None)
            asked.wait()
            path = fetch(server.url, tmp_path, LIMITS, lambda line: waits.set())
            assert isinstance(first.exception(), SourceError)
        assert path.read_bytes() == server.content


def test_a_whole_part_of_a_process_that_was_killed_is_not_refused_for_ever(
    server: FileServer, tmp_path: Path
) -> None:
    """Nothing follows it, so a server answers 416 to each attempt that would continue it."""

    def nothing_follows(handler: Handler) -> None:
        if "Range" in handler.headers:
            handler.send(416, b"")
        else:
            whole(handler)

    server.content, server.answers = csv_bytes(ROWS), [nothing_follows]
    name = hashlib.sha256(server.url.encode()).hexdigest()
    (tmp_path / f"{name}.part").write_bytes(server.content)
    (tmp_path / f"{name}.etag").write_text('"1"')
    assert fetch(server.url, tmp_path, LIMITS, lambda line: None).read_bytes() == server.content
    assert len(server.requests) == 2


def test_a_part_of_an_older_file_is_gone_before_the_new_file_s_etag_is_kept(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process killed in between would leave the old bytes to be continued as the new file's."""
    server.content = csv_bytes(ROWS)
    server.answers = [lambda handler: handler.send(200, server.content, ETag='"2"')]
    name = hashlib.sha256(server.url.encode()).hexdigest()
    part = tmp_path / f"{name}.part"
    part.write_bytes(b"old")
    part.with_suffix(".etag").write_text('"1"')
    there: list[bool] = []

    def write_text(path: Path, text: str, **options: str) -> None:
        there.append(part.exists())
        path.write_bytes(text.encode())

    with monkeypatch.context() as traced:
        traced.setattr(Path, "write_text", write_text)
        fetch(server.url, tmp_path, LIMITS, lambda line: None)
    assert there == [False, False]


class TestS3:
    @pytest.fixture
    def bucket(self, bucket: str) -> str:
        """The bucket with a log."""
        import boto3

        boto3.client("s3").put_object(Bucket="logs", Key="log.csv", Body=csv_bytes(ROWS))
        return bucket

    def test_a_log_is_read_from_a_bucket(
        self, bucket: str, limits: DownloadLimits, tmp_path: Path
    ) -> None:
        log = open_log(f"{bucket}/log.csv", cache=tmp_path, limits=limits)
        assert (log.identity.rows, log.identity.location) == (2000, "s3://logs/log.csv")

    def test_a_missing_object_is_named(
        self, bucket: str, limits: DownloadLimits, tmp_path: Path
    ) -> None:
        with pytest.raises(SourceError, match=r"s3://logs/other\.csv"):
            open_log(f"{bucket}/other.csv", cache=tmp_path, limits=limits)
