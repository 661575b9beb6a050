"""Notifications about finished runs, and their delivery to a webhook."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from ticket_assets.addresses import printable, requests_not_logged

ATTEMPTS = 3
WAIT_S = 1.0
TIMEOUT_S = 5.0
LONGEST_REASON = 300


@dataclass(frozen=True)
class Notice:
    """A finished run: its job, orchestrator and days, and a link to it.

    `figures` describe a run that succeeded, `reason` one that failed. `alerts` are those that were
    not known before.
    """

    job: str
    days: str
    orchestrator: str
    succeeded: bool
    link: str
    figures: str = ""
    reason: str = ""
    alerts: tuple[str, ...] = ()

    def as_message(self) -> dict[str, str]:
        """The body for a Slack-compatible incoming webhook: `text` in Slack's mrkdwn."""
        mark, verb = ("✅", "succeeded") if self.succeeded else ("❌", "failed")
        details = self.figures if self.succeeded else self.reason[:LONGEST_REASON]
        lines = [f"{mark} *{self.job}* {self.days} {verb} ({self.orchestrator})".replace("  ", " ")]
        lines += [_escaped(details)] if details else []
        lines += [f"⚠️ {_escaped(alert)}" for alert in self.alerts]
        lines += [f"<{self.link}|Open the run>"] if self.link else []
        return {"text": "\n".join(lines)}


def summarize_metrics(metrics_by_day: Mapping[str, Mapping[str, Any]]) -> str:
    """One phrase about the run's days, from the metadata of `metrics` (`num_obs`, `mae_h`).

    Empty without days.
    """
    rows = sum(int(of_day["num_obs"]) for of_day in metrics_by_day.values())
    errors = [float(of_day["mae_h"]) for of_day in metrics_by_day.values() if "mae_h" in of_day]
    if not metrics_by_day:
        return ""
    if not errors:
        return "no tickets were closed"
    days = "" if len(metrics_by_day) == 1 else f" on {len(metrics_by_day)} days, median"
    return f"{rows:,} rows scored{days or ','} MAE {median(errors):.1f} h"


def new_alerts(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """The alerts that did not fire before, from the metadata of `evaluation_report`."""
    return tuple(metadata.get("new_alerts") or ())


def deliver(notice: Notice, url: str, warn: Callable[[str], None]) -> bool:
    """Posts the notice to the webhook; returns True if the webhook accepted it.

    On failure calls `warn` with the reason. The warning shows only the host of the address: the
    rest is a secret.
    """
    import requests  # takes 0.2 s, and only notices need it
    from urllib3.exceptions import HTTPError

    reason = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(WAIT_S * 2 ** (attempt - 1))
        try:
            with requests_not_logged():
                answer = requests.post(url, json=notice.as_message(), timeout=TIMEOUT_S)
        # requests lets some of urllib3's errors through: LocationParseError for a long label.
        except (requests.RequestException, HTTPError, ValueError) as error:
            reason = type(error).__name__
            continue
        if answer.ok:
            return True
        reason = f"HTTP status {answer.status_code}"
        # Another try helps against a server's fault or a rate limit; any other refusal is final.
        if answer.status_code < 500 and answer.status_code != 429:
            break
    host = printable(url).split("/")[2]
    warn(f"The notice of {notice.job} {notice.days} was not delivered to {host}: {reason}.")
    return False


def _escaped(text: str) -> str:
    """The text with Slack's three control characters escaped."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
