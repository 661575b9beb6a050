"""Fixtures of the store's tests."""

from pathlib import Path

import pytest

from tests.ticket_assets.store.things import open_store
from ticket_assets.store.io_manager import DailyStore


@pytest.fixture
def store(tmp_path: Path) -> DailyStore:
    """An empty store in `tmp_path / "store"`."""
    return open_store(tmp_path / "store")
