"""A folder of an object store: the files below `s3://bucket/prefix`."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

from ticket_assets.errors import StoreError
from ticket_assets.store.durable import Write
from ticket_assets.store.failures import partly_written

Result = TypeVar("Result")

# Most of a request is waiting. Beyond 16 at a time, signing them in Python is the limit.
REQUESTS_AT_A_TIME = 16


class Bucket:
    """Objects below an address; `place.py` says what each method promises.

    Credentials, region and endpoint come from AWS's usual chain: environment (AWS_PROFILE,
    AWS_ENDPOINT_URL, ...), ~/.aws, the machine's role. An object appears whole or not at all, but
    several do not appear together, and no run can lock a day. Every refusal of the object store
    is raised as StoreError.
    """

    # S3 has no locks. A lock object written on condition (If-None-Match) would stay when its run
    # is killed, and s3fs trusts only AWS to heed the condition. Half a lock is worse than none.
    lock_folder: Path | None = None

    def __init__(self, address: str) -> None:
        self._root = address.rstrip("/")

    def address(self, name: str) -> str:
        return f"{self._root}/{name}"

    def names(self, folder: str, start: str = "") -> set[str]:
        """Takes one request for a thousand names."""
        below = f"{self.address(folder)}/"
        with self._store_errors():
            paths = self._files.find(below, prefix=start)
        # s3fs answers with paths without the scheme.
        within = below.removeprefix("s3://")
        return {path.removeprefix(within) for path in paths if path.startswith(within)}

    def open(self, name: str) -> BytesIO:
        return BytesIO(self.read(name))

    def read(self, name: str) -> bytes:
        """Takes one request: with a single stream, s3fs does not ask for the size first."""
        with self._store_errors():
            content: bytes = self._files.cat_file(self.address(name), max_concurrency=1)
        return content

    def each(self, function: Callable[[str], Result], names: Iterable[str]) -> list[Result]:
        with ThreadPoolExecutor(REQUESTS_AT_A_TIME) as pool:
            return list(pool.map(function, names))

    def publish(
        self, files: Mapping[str, Write], last_check: Callable[[], object] = lambda: None
    ) -> None:
        """Makes all files in memory before it sends the first.

        After a failure it sends no more, and the StoreError names the files that were sent.
        """
        with ThreadPoolExecutor(REQUESTS_AT_A_TIME) as pool:
            contents = list(pool.map(_in_memory, files.values()))
            last_check()
            sent: dict[str, Future[None]] = {}
            try:
                for name, content in zip(files, contents, strict=True):
                    sent[name] = pool.submit(self._send, name, content)
                wait(sent.values(), return_when=FIRST_EXCEPTION)
            finally:
                # Waits for the files on their way, so that each is known as sent or not.
                pool.shutdown(cancel_futures=True)
        faults = {name: call.exception() for name, call in sent.items() if not call.cancelled()}
        fault = next((fault for fault in faults.values() if fault), None)
        if fault is None:
            return
        if not isinstance(fault, StoreError):
            raise fault
        written = [name for name, error in faults.items() if error is None]
        unconfirmed = [name for name, error in faults.items() if error]
        raise partly_written(str(fault), files, written, unconfirmed) from None

    def _send(self, name: str, content: bytes) -> None:
        with self._store_errors():
            self._files.pipe_file(self.address(name), content)

    @cached_property
    def _files(self) -> Any:
        try:
            import fsspec  # takes a second with s3fs, and only a store in a bucket needs it

            # Without either cache: another process may have written meanwhile, and each run
            # reads the environment anew.
            return fsspec.filesystem(
                "s3",
                config_kwargs={"max_pool_connections": REQUESTS_AT_A_TIME},
                use_listings_cache=False,
                skip_instance_cache=True,
            )
        except ImportError as error:
            raise StoreError(
                f"TICKET_STORE {self._root}: needs the extra: pip install 'ticket-assets[s3]'."
            ) from error

    @contextmanager
    def _store_errors(self) -> Iterator[None]:
        """Turns errors into StoreError, but for the FileNotFoundError of a missing object.

        The StoreError has no cause: botocore's texts repeat the address of the endpoint, which
        may hold a password.
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
            problem, remedy = f"there is no bucket '{name}'", "Create it, or correct TICKET_STORE"
        except PermissionError as error:
            problem = f"the store refuses these credentials ({_code(error)}: {_sentence(error)})"
            remedy = "Use credentials that may list, read and write there"
        # Called only when an error gets here: without the extra there are no such classes.
        except _library_errors() as error:
            problem, remedy = _explain(error)
        raise StoreError(f"TICKET_STORE {self._root}: {problem}. {remedy}.") from None


def _library_errors() -> tuple[type[Exception], ...]:
    """Errors that s3fs passes on from its libraries; a ValueError is a wrong endpoint."""
    from aiohttp import ClientError
    from botocore.exceptions import BotoCoreError
    from botocore.parsers import ResponseParserError

    return (OSError, BotoCoreError, ResponseParserError, ClientError, ValueError)


def _explain(error: Exception) -> tuple[str, str]:
    """The problem and its remedy, for an error without an explanation by the object store."""
    from botocore import exceptions as botocore

    credential_errors = (
        botocore.NoCredentialsError,
        botocore.PartialCredentialsError,
        botocore.CredentialRetrievalError,
        botocore.ProfileNotFound,
    )
    kind = type(error).__name__
    if isinstance(error, credential_errors):
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
    """S3's code for the error, such as `NoSuchBucket`."""
    answer = getattr(error.__cause__, "response", {})
    return str(answer.get("Error", {}).get("Code") or type(error).__name__)


def _sentence(error: OSError) -> str:
    return (error.strerror or str(error)).rstrip(".")


def _in_memory(write: Write) -> bytes:
    file = BytesIO()
    write(file)
    return file.getvalue()
