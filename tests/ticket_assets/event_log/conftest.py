"""A real HTTP server on loopback that misbehaves on request."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

import pytest

from tests.http_server import serving
from ticket_assets.event_log import DownloadLimits

Answer = Callable[["Handler"], None]


@dataclass
class FileServer:
    """Answers each request with the next of `answers`, the last one for ever."""

    address: str
    content: bytes = b""
    answers: list[Answer] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.address}/log.csv"


class Handler(BaseHTTPRequestHandler):
    state: FileServer

    def do_GET(self) -> None:
        self.state.requests.append(dict(self.headers))
        self.state.paths.append(self.path)
        answers = self.state.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        answer(self)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the tests look at `requests`."""

    def send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


def whole(handler: Handler) -> None:
    """The file, or the rest of it where the client asks for that."""
    content = handler.state.content
    wanted = handler.headers.get("Range", "")
    if wanted and handler.headers.get("If-Range") == '"1"':
        start = int(wanted.removeprefix("bytes=").rstrip("-"))
        handler.send(206, content[start:], ETag='"1"')
    else:
        handler.send(200, content, ETag='"1"')


def cut_off(handler: Handler) -> None:
    """Announces the whole file, sends half of it, and hangs up."""
    content = handler.state.content
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.send_header("ETag", '"1"')
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])
    handler.wfile.flush()
    handler.connection.close()


def status(code: int, body: bytes = b"no", **headers: str) -> Answer:
    return lambda handler: handler.send(code, body, **headers)


@pytest.fixture
def server() -> Iterator[FileServer]:
    state = FileServer("")
    handler = type("BoundHandler", (Handler,), {"state": state})
    with serving(handler) as address:
        state.address = address
        yield state


@pytest.fixture
def limits() -> DownloadLimits:
    return DownloadLimits(timeout_s=0.5, attempts=3, limit_mb=1, wait_s=0.01)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of a real S3 protocol server on loopback."""
    import boto3
    from moto.server import ThreadedMotoServer

    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    boto3.client("s3").create_bucket(Bucket="logs")
    yield "s3://logs"
    server.stop()
