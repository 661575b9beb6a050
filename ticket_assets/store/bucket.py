"""A folder of an object store: the files below `s3://bucket/prefix`."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import IO, Any, TypeVar

from ticket_assets.errors import StoreError, partly_written

Result = TypeVar("Result")

# Most of a request is waiting; beyond this the signing of requests, in Python, is the limit.
AT_ONCE = 16


class Bucket:
    """Objects below an address, by names such as `metrics/2016-03-01.parquet`.

    Credentials, region and endpoint come by AWS's usual chain: environment (AWS_PROFILE,
    AWS_ENDPOINT_URL, ...), ~/.aws, the machine's role. An object appears whole or not at all, but
    several do not appear together, and no one can hold a day: see `publish` and `lock_folder`.
    What the store refuses is raised as StoreError.
    """

    # S3 has no locks. An object written on condition (If-None-Match) would stay when its run is
    # killed, and s3fs knows only AWS to heed the condition: half a lock is worse than none.
    lock_folder: Path | None = None

    def __init__(self, address: str) -> None:
        self._root = address.rstrip("/")

    def address(self, name: str) -> str:
        return f"{self._root}/{name}"

    def names(self, folder: str, start: str = "") -> set[str]:
        """One request for a thousand names: `start` is what they begin with."""
        below = f"{self.address(folder)}/"
        with self._faults_said():
            found = self._files.find(below, prefix=start)
        within = below.removeprefix("s3://")
        return {path.removeprefix(within) for path in found if path.startswith(within)}

    def open(self, name: str) -> BytesIO:
        return BytesIO(self.read(name))

    def read(self, name: str) -> bytes:
        """In one request, without asking for the size first."""
        with self._faults_said():
            content: bytes = self._files.cat_file(self.address(name), max_concurrency=1)
        return content

    def each(self, function: Callable[[str], Result], names: Iterable[str]) -> list[Result]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(function, names))

    def publish(
        self,
        files: Mapping[str, Callable[[IO[bytes]], object]],
        ready: Callable[[], object] = lambda: None,
    ) -> None:
        """All are made in memory before the first is sent. Where one cannot be sent no more are,
        and the StoreError says which have been."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            contents = list(pool.map(_in_memory, files.values()))
            ready()
            sent: dict[str, Future[None]] = {}
            try:
                for name, content in zip(files, contents, strict=True):
                    sent[name] = pool.submit(self._send, name, content)
                wait(sent.values(), return_when=FIRST_EXCEPTION)
            finally:
                pool.shutdown(cancel_futures=True)
        faults = {name: call.exception() for name, call in sent.items() if not call.cancelled()}
        fault = next((fault for fault in faults.values() if fault), None)
        if fault is None:
            return
        if not isinstance(fault, StoreError):
            raise fault
        written = [name for name, found in faults.items() if found is None]
        unconfirmed = [name for name, found in faults.items() if found]
        raise partly_written(str(fault), files, written, unconfirmed) from None

    def _send(self, name: str, content: bytes) -> None:
        with self._faults_said():
            self._files.pipe_file(self.address(name), content)

    @cached_property
    def _files(self) -> Any:
        try:
            import fsspec  # with s3fs a second, and only with such a store

            # Neither cache: another process may have written meanwhile, and the environment is
            # read when a run begins.
            return fsspec.filesystem(
                "s3",
                config_kwargs={"max_pool_connections": AT_ONCE},
                use_listings_cache=False,
                skip_instance_cache=True,
            )
        except ImportError as error:
            raise StoreError(
                f"TICKET_STORE {self._root}: needs the extra: pip install 'ticket-assets[s3]'."
            ) from error

    @contextmanager
    def _faults_said(self) -> Iterator[None]:
        """Raises what went wrong as StoreError, but for an object that is not there.

        The cause is left out: botocore's texts repeat the address of the endpoint, which may
        hold a password.
        """
        try:
            yield
            return
        except StoreError:
            raise
        except FileNotFoundError as error:
            if _code(error) != "NoSuchBucket":
                raise
            name = self._root.removeprefix("s3://").partition("/")[0]
            found, remedy = f"there is no bucket '{name}'", "Create it, or correct TICKET_STORE"
        except PermissionError as error:
            found = f"the store refuses these credentials ({_code(error)}: {_sentence(error)})"
            remedy = "Use credentials that may list, read and write there"
        except _others() as error:
            found, remedy = _found(error)
        raise StoreError(f"TICKET_STORE {self._root}: {found}. {remedy}.") from None


def _others() -> tuple[type[Exception], ...]:
    """What s3fs lets through of those that it stands on: a ValueError is a wrong endpoint."""
    from aiohttp import ClientError
    from botocore.exceptions import BotoCoreError
    from botocore.parsers import ResponseParserError

    return (OSError, BotoCoreError, ResponseParserError, ClientError, ValueError)


def _found(error: Exception) -> tuple[str, str]:
    """What went wrong without an answer of the store that says so, and what to do."""
    from botocore import exceptions as botocore

    own = (
        botocore.NoCredentialsError,
        botocore.PartialCredentialsError,
        botocore.CredentialRetrievalError,
        botocore.ProfileNotFound,
    )
    kind = type(error).__name__
    if isinstance(error, own):
        return (
            f"no credentials were found ({kind})",
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine"
            " a role",
        )
    if isinstance(error, botocore.ConnectionError | botocore.HTTPClientError | TimeoutError):
        return (
            f"the store does not answer ({kind})",
            "Check the network and AWS_ENDPOINT_URL, or try again later",
        )
    if isinstance(error, OSError):
        return (
            f"{_code(error)}: {_sentence(error)}",
            "Correct TICKET_STORE or AWS's own settings (region, endpoint, keys), or try again",
        )
    return (
        f"it cannot be reached ({kind})",
        "Correct TICKET_STORE or AWS's own settings (region, endpoint)",
    )


def _code(error: BaseException) -> str:
    """S3's word for it, such as `NoSuchBucket`."""
    answer = getattr(error.__cause__, "response", {})
    return str(answer.get("Error", {}).get("Code") or type(error).__name__)


def _sentence(error: OSError) -> str:
    return (error.strerror or str(error)).rstrip(".")


def _in_memory(write: Callable[[IO[bytes]], object]) -> bytes:
    file = BytesIO()
    write(file)
    return file.getvalue()
