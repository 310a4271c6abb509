"""A model's card as plain text, for a terminal."""

from collections.abc import Iterable

from bot.classifier.manifest import Input, Manifest

#: With more labels the table would be wider than any window; the labels that are confused most are named.
WIDEST_TABLE = 16
PAIRS = 10
# Characters of a label in the table's rows.
LONGEST_LABEL = 20


def card(manifest: Manifest, digest: str) -> str:
    """Lines without a line break at the end."""
    facts = [
        ("name", manifest.name),
        ("digest", digest),
        ("labels", f"{len(manifest.labels)}: {', '.join(manifest.labels)}"),
        ("architecture", _architecture(manifest)),
        ("input", _input(manifest.input)),
        ("not sure", _doubt(manifest)),
        ("made", f"{manifest.origin.made_at}, {manifest.origin.epochs} epochs from {manifest.origin.base}"),
        ("with", ", ".join(manifest.origin.versions) or "not known"),
        ("licence", manifest.licence),
        ("data", manifest.data.source),
        ("data licence", manifest.data.licence),
    ]
    if manifest.data.images:
        counts = ", ".join(f"{label} {count:,}" for label, count in manifest.data.images.items())
        facts.append(("images", f"{sum(manifest.data.images.values()):,}: {counts}"))
    facts += [("remark", remark) for remark in manifest.data.remarks]
    facts += [("file", f"{name}, {stored.size:,} bytes") for name, stored in manifest.files.items()]
    width = max(len(name) for name, _ in facts)
    lines = [f"{name:{width}}  {value}" for name, value in facts]
    return "\n".join([*lines, "", *_metrics(manifest)])


def _architecture(manifest: Manifest) -> str:
    widths = ", ".join(str(width) for width in manifest.architecture.hidden)
    return f"{manifest.architecture.name}, hidden layers {widths or 'none'}"


def _input(given: Input) -> str:
    height, width = given.crop or given.size
    how = "" if given.resize is None else f", by {given.resize.value}"
    return f"{height} × {width} {given.mode}{how}{', as ink' if given.ink else ''}"


def _doubt(manifest: Manifest) -> str:
    judgement = manifest.judgement
    far = "" if judgement.distance is None else f" or farther than {judgement.distance:.4g} from every label"
    return f"below {judgement.threshold:.1%}{far} (temperature {judgement.temperature:.3g})"


def _metrics(manifest: Manifest) -> list[str]:
    metrics = manifest.metrics
    if metrics is None:
        return ["No test is known of this model."]
    low, high = metrics.interval
    lines = [
        f"Accuracy {metrics.accuracy:.1%} ({low:.1%} to {high:.1%}) on {metrics.tested:,} images.",
        f"Sure of {metrics.answered:.1%} of them, and right on {metrics.answered_right:.1%} of those.",
        f"Calibration error {metrics.ece:.2%}, before temperature scaling {metrics.ece_before:.2%}.",
        "",
    ]
    if len(manifest.labels) > WIDEST_TABLE:
        return [*lines, *_confused(manifest.labels, metrics.confusion)]
    columns = [max(len(str(count)) for count in column) for column in zip(*metrics.confusion, strict=True)]
    heads = [str(number) for number in range(1, len(columns) + 1)]
    columns = [max(width, len(head)) for width, head in zip(columns, heads, strict=True)]
    rows = [label[:LONGEST_LABEL] for label in manifest.labels]
    first = max(len(row) for row in rows) + 4
    lines.append(" ".join(["taken for →".ljust(first), *_cells(heads, columns)]).rstrip())
    for number, (row, counts) in enumerate(zip(rows, metrics.confusion, strict=True), start=1):
        lines.append(" ".join([f"{number:>2}  {row}".ljust(first), *_cells(map(str, counts), columns)]))
    return lines


def _cells(texts: Iterable[str], widths: list[int]) -> list[str]:
    return [text.rjust(width) for text, width in zip(texts, widths, strict=True)]


def _confused(labels: tuple[str, ...], confusion: tuple[tuple[int, ...], ...]) -> list[str]:
    pairs = sorted(
        (-count, labels[row], labels[column])
        for row, counts in enumerate(confusion)
        for column, count in enumerate(counts)
        if row != column and count
    )
    return [f"{label} was taken for {other} {-count:,} times." for count, label, other in pairs[:PAIRS]]
