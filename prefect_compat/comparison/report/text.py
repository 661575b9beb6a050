"""A comparison as text for a terminal."""

import re
from collections.abc import Iterator

from prefect_compat.comparison.comparison import Comparison
from prefect_compat.comparison.costs import Costs
from prefect_compat.comparison.diff.differences import RowDifference
from prefect_compat.comparison.failure_matrix import Outcome
from prefect_compat.comparison.judging.findings import Difference
from prefect_compat.comparison.judging.outputs import NOT_APART_REMEDY, AssetVerdict
from prefect_compat.comparison.report.conclusion import by_reason
from prefect_compat.comparison.report.headline import words
from prefect_compat.comparison.report.row_words import suggestions, table_words

SHOWN_FINDINGS = 20


def describe(comparison: Comparison) -> str:
    """The verdict for a terminal: a table of assets, the differences, one closing line."""
    verdict = comparison.verdict
    width = max([len(asset.asset) for asset in verdict.assets], default=5)
    widths = (width, *(max(len(side), 5) for side in verdict.sides))
    heads = ("asset", *verdict.sides)
    columns = [f"{head:<{size}}" for head, size in zip(heads, widths, strict=True)]
    lines = [f"{'  '.join(columns)}  identical"]
    by_name = sorted(verdict.assets, key=lambda asset: asset.asset)
    lines += [_counted(asset, widths) for asset in by_name]
    lines += [f"  {finding}" for finding in verdict.findings[:SHOWN_FINDINGS]]
    for difference in comparison.rows:
        lines += [f"  {line}" for line in _side_by_side(difference, verdict.sides)]
    lines += [f"  waived: {finding}: {reason}" for finding, reason in verdict.waived]
    lines += [f"  not reproducible: {finding.place}" for finding in verdict.noise]
    lines += [f"  {text}" for text in suggestions(comparison)]
    if len(verdict.findings) > SHOWN_FINDINGS:
        lines.append(f"  and {len(verdict.findings) - SHOWN_FINDINGS} more differences")
    if any(finding.kind is Difference.NOT_KEPT_APART for finding in verdict.findings):
        lines.append(f"  {NOT_APART_REMEDY}")
    lines += [f"  not compared: {what} ({why})" for what, why in by_reason(verdict.not_compared)]
    lines += _costs(comparison.costs) if comparison.costs else ()
    if comparison.declared_s is not None:
        lines.append(f"  dagster job execute, executor as declared: {comparison.declared_s:.1f} s")
    lines.append(_closing_line(comparison))
    return "\n".join(lines)


def _counted(asset: AssetVerdict, widths: tuple[int, ...]) -> str:
    name, left, right = widths
    line = f"{asset.asset:<{name}}  {asset.left:>{left}}  {asset.right:>{right}}"
    beside = {
        "equal as declared": asset.equal_as_declared,
        "the same in another form": asset.same_rows,
        "without content to compare": asset.without_content,
    }
    parts = [f"{count} {words}" for words, count in beside.items() if count]
    return "  ".join([f"{line}  {asset.identical:>9}", *parts])


def _closing_line(comparison: Comparison) -> str:
    """The verdict in one line; a failure of both runs comes first."""
    verdict, work = comparison.verdict, comparison.work
    failed = f"Both runs failed in the same way: {verdict.failure}. " if verdict.failure else ""
    if comparison.broke_off:
        return f"{failed}Not compared to the end; until then, {_contents(comparison)}."
    after = f" after {work.fault}" if work.fault else ""
    return f"{failed}{words(comparison)}: {_contents(comparison)}{after}."


def _contents(comparison: Comparison) -> str:
    """The counts of outputs with and without content, as a clause."""
    verdict, noun = comparison.verdict, _noun(comparison)
    if verdict.compared:
        text = f"the stores have the same content for {verdict.identical} of {verdict.compared}"
        text += f" {noun}"
        if verdict.equal_as_declared:
            text += f", {_are(verdict.equal_as_declared)} equal as declared"
        if verdict.same_rows:
            text += f", {_are(verdict.same_rows)} the same in another form"
        if verdict.without_content:
            has = "has" if verdict.without_content == 1 else "have"
            text += f", and {verdict.without_content} {has} no content to compare"
        return text
    if verdict.without_content:
        return f"{verdict.without_content} {noun} were recorded, with no content to compare"
    return f"no output was made; {verdict.steps} steps were compared"


def _are(number: int) -> str:
    return f"{number} {'is' if number == 1 else 'are'}"


def _costs(costs: Costs) -> Iterator[str]:
    sides = (costs.left, costs.right)
    yield f"{'seconds, median of ' + str(costs.rounds):<24}" + "".join(
        f"{side.side:>10}" for side in sides
    )
    has_own = all(side.knows_own_time for side in sides)
    rows = {
        "import": [side.import_s for side in sides],
        "start-up": [side.start_up_s for side in sides],
        "run, cold": [side.cold_s for side in sides],
        "run, warm": [side.warm_s for side in sides if side.warm_s],
        "  the functions": [side.function_s for side in sides if has_own],
        "  the IO managers": [side.storage_s for side in sides if has_own],
        "CPU": [side.cpu_s for side in sides],
    }
    for name, figures in rows.items():
        if figures:
            yield f"  {name:<22}" + "".join(f"{figure.median:>10.2f}" for figure in figures)
    memory = "".join(f"{side.peak_memory_b.median / 2**20:>10.0f}" for side in sides)
    yield f"  {'peak memory, MiB':<22}{memory}"


def _side_by_side(difference: RowDifference, sides: tuple[str, str]) -> Iterator[str]:
    table = difference.table
    yield f"{difference.output.label}: {'; '.join(table_words(table, sides))}"
    for cell in table.cells:
        # A value that is one cell has no place within itself.
        place = ", ".join(filter(None, (cell.row, cell.column)))
        yield f"  {place}: {sides[0]} {cell.left}, {sides[1]} {cell.right}"


def _noun(comparison: Comparison) -> str:
    """The word for the outputs of this comparison."""
    verdict = comparison.verdict
    if any(asset.asset_key is None for asset in verdict.assets):
        return "outputs"
    parts = [entry.output.part for entry in verdict.outputs]
    if not any(parts):
        return "assets"
    are_days = all(re.fullmatch(r"\d{4}-\d{2}-\d{2}", part) for part in parts if part)
    return "asset-days" if are_days else "asset partitions"


def describe_matrix(outcomes: tuple[Outcome, ...]) -> str:
    """The failure matrix for a terminal: a line for each case, then its differences."""
    lines = ["under failure:"]
    width = max(len(outcome.case.name) for outcome in outcomes)
    for outcome in outcomes:
        case, comparison = outcome.case, outcome.comparison
        if comparison is None or case.work is None:
            lines.append(f"  {case.name:<{width}}  not run: {case.reason}")
            continue
        result = "identical under both" if outcome.holds else "different"
        lines.append(f"  {case.name:<{width}}  {result} ({case.work.fault or case.work.partition})")
        lines += [f"    {finding}" for finding in comparison.verdict.findings]
    return "\n".join(lines)
