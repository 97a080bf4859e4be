"""The report as the card shows it: tables with intervals and controls, plots, and what people said."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from s1_mmalign.dataset_card import markdown

_PLOTS = {
    "caption_lengths": "Lengths of raw captions and recaptions",
    "pseudo_perplexity": "Distribution of log10 pseudo-perplexity",
    "clip_score": "CLIPScore of raw captions and recaptions",
}
_GROUNDING = (
    ("support", "claims that the paper bears out"),
    ("number_support", "– numbers"),
    ("entity_support", "– named entities"),
    ("symbol_support", "– symbols"),
    ("novelty_4", "4-grams that are not the paper's"),
)


def quality(report: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return what the template shows of a report.

    Args:
        report: content of `report.json`.
        folder: the dataset folder, whose plots are shown where they are there.

    Raises:
        KeyError, TypeError, IndexError: a report of another shape.
    """
    comparison: list[tuple[str, ...]] = []
    controls: list[tuple[str, ...]] = []
    notes: list[str] = []
    _add_lengths(report["lengths"]["all"], comparison)
    _add_grounding(report["grounding"], comparison, controls, notes)
    _add_clip(report["clip_score"], comparison, controls, notes)
    _add_perplexity(report["pseudo_perplexity"], comparison, controls, notes)
    sample = report["sample"]
    return {
        "rows": report["dataset"]["rows_with_recaption"],
        "models": Counter(report["dataset"]["recaption_models"]),
        "sample": f"{sample['rows']:,} rows of {sample['papers']:,} papers (seed {sample['seed']}), lengths on all",
        "intervals": sample["intervals"],
        "comparison": markdown.table(("", "rows", "raw caption", "recaption", "relative change [95 %]"), comparison),
        "controls": markdown.table(
            ("", "recaption, cut: relative change [95 %]", "raw, another paper", "recaption, another paper"), controls
        ) if controls else "",
        "notes": notes,
        "plots": _plots(report["plots"]["files"], folder),
        "judgements": _judgements(report.get("judgements")),
    }  # fmt: skip


def _add_lengths(lengths: dict[str, Any], comparison: list[tuple[str, ...]]) -> None:
    raw, own = lengths["characters"]["raw"], lengths["characters"]["recaption"]
    if raw["n"]:
        change = lengths["relative_change"]
        comparison.append(
            ("length, characters", f"{raw['n']:,}", _spread(raw, 0), _spread(own, 0), _percent(change, sign=True))
        )


def _add_grounding(
    section: dict[str, Any], comparison: list[tuple[str, ...]], controls: list[tuple[str, ...]], notes: list[str]
) -> None:
    if not section["measured"]:
        notes.append(f"Grounding: not measured: {markdown.plain(section['reason'])}")
        return
    raw, own, chance = (section[name]["all"] for name in ("raw", "recaption", "shuffled"))
    for name, title in _GROUNDING:
        comparison.append((title, f"{own[name]['n']:,}", _estimate(raw[name]), _estimate(own[name]), "–"))
    controls.append(("claims that the paper bears out", "–", "–", _estimate(chance["support"])))
    notes.append(
        "Grounding: share of a text's numbers, names and symbols that caption, citing paragraphs, title or abstract "
        "have; a raw caption is held against the other three."
    )


def _add_clip(
    section: dict[str, Any], comparison: list[tuple[str, ...]], controls: list[tuple[str, ...]], notes: list[str]
) -> None:
    if not section["measured"]:
        notes.append(f"CLIPScore: not measured: {markdown.plain(section['reason'])}")
        return
    first = section["variants"][0]["image"]
    for variant in section["variants"]:
        title = f"CLIPScore, {variant['text']}, image {variant['image']}".replace("_", " ")
        _compare(title, variant["all"], comparison)
        if variant["image"] == first and variant["text"] == "truncate":
            chance = [variant["shuffled"][name] for name in ("raw", "recaption")]
            others = [f"{one['shuffled']['mean']:.3f}" if one["n"] else "–" for one in chance]
            controls.append((title, _change(variant["length_matched"]), *others))
    rates = ", ".join(f"{_percent(section['truncation_rate'][name])} of {name}s" for name in ("raw", "recaption"))
    notes.append(
        f"CLIPScore (w = {section['weight']:g}) with {_model(section)}; longer than it reads: {rates}: `truncate` cuts "
        "them, `window mean` and `window best` read all in pieces."
    )


def _add_perplexity(
    section: dict[str, Any], comparison: list[tuple[str, ...]], controls: list[tuple[str, ...]], notes: list[str]
) -> None:
    if not section["measured"]:
        notes.append(f"Pseudo-perplexity: not measured: {markdown.plain(section['reason'])}")
        return
    for method in section["methods"]:
        title = f"log10 pseudo-perplexity, {method['method']}".replace("_", " ")
        _compare(title, method["all"], comparison)
        controls.append((title, _change(method["length_matched"]), "–", "–"))
    how = "" if section.get("exact", True) else f", approximated: every {section['stride']}th token is hidden at once"
    notes.append(
        f"Pseudo-perplexity with {_model(section)}{how}; lower is more predictable, which is no merit by itself. "
        "Changes are of the geometric mean."
    )


def _compare(title: str, found: dict[str, Any], comparison: list[tuple[str, ...]]) -> None:
    if found["n"]:
        cells = (_spread(found["raw"], 3), _spread(found["recaption"], 3), _change(found))
    else:
        cells = ("–", "–", "no pair could be scored")
    comparison.append((title, f"{found['n']:,}", *cells))


def _change(found: dict[str, Any]) -> str:
    if not found["n"]:
        return "–"
    change = found["relative_change"]
    text = _percent(change["value"], sign=True)
    if change["low"] is not None:
        text += f" [{100 * change['low']:+.1f}, {100 * change['high']:+.1f}]"
    return text


def _spread(one: dict[str, Any], digits: int) -> str:
    return f"{one['mean']:,.{digits}f} ± {one['std']:,.{digits}f}"


def _estimate(one: dict[str, Any]) -> str:
    """A share with its interval."""
    if one["mean"] is None:
        return "–"
    text = _percent(one["mean"])
    return text if one["low"] is None else f"{text} [{100 * one['low']:.1f}, {100 * one['high']:.1f}]"


def _percent(value: float | None, sign: bool = False) -> str:
    if value is None:
        return "–"
    return f"{100 * value:+.1f} %" if sign else f"{100 * value:.1f} %"


def _model(section: dict[str, Any]) -> str:
    model = section["model"]
    revision = f"@{model['revision'][:12]}" if model["revision"] else ""
    return f"{markdown.code(model['id'] + revision)} ({model['dtype']}, reads {model['max_tokens']} tokens)"


def _plots(files: list[str], folder: Path) -> list[dict[str, str]]:
    """The plots of the report that are there, as PNG: the Hub shows no SVG of a repository."""
    found = [name for name in files if name.endswith(".png") and (folder / name).is_file()]
    return [{"path": name, "title": _PLOTS.get(Path(name).stem, Path(name).stem)} for name in found]


def _judgements(section: dict[str, Any] | None) -> str:
    if not section or not section["rows"]:
        return ""
    rows = [
        (f"`{column}` is good", f"{one['good'] + one['bad']:,}", _share(one["good_share"], one["interval"]))
        for column, one in section["verdicts"].items()
    ]
    for one in section["preferences"]:
        first, second = one["columns"]
        decided = one["wins"][first] + one["wins"][second]
        share = _share(one["wins"][first] / decided, one["interval"]) if decided else "–"
        title = f"`{first}` better than `{second}` ({one['ties']:,} ties, {one['blind']:,} judged blind)"
        rows.append((title, f"{decided:,}", share))
    table = markdown.table(("", "judgements", "share [95 %]"), rows)
    return f"{table}\n\n{_agreement(section)}"


def _share(share: float, interval: list[float]) -> str:
    return f"{100 * share:.1f} % [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]"


def _agreement(section: dict[str, Any]) -> str:
    people = f"{section['judges']:,} " + ("person" if section["judges"] == 1 else "people")
    text = f"By {people}, of {section['rows']:,} rows."
    if section["alpha"] is not None:
        text += f" Krippendorff's alpha of all: {section['alpha']:.2f}."
    for one in section["agreement"]:
        if one["kappa"] is not None:
            one_and_other = " and ".join(map(str, one["judges"]))
            text += f" Judges {one_and_other}, {one['rows']:,} rows: Cohen's kappa {one['kappa']:.2f}."
    return text
