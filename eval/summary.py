"""The report as a table for the screen."""

from __future__ import annotations

from typing import Any

_WIDTHS = (43, 17, 17, 30)


def summary_lines(report: dict[str, Any]) -> list[str]:
    """Return the report as lines of plain text, raw captions beside recaptions."""
    dataset, sample = report["dataset"], report["sample"]
    lines = [
        f"{dataset['rows_with_recaption']:,} of {dataset['rows']:,} rows have a recaption "
        f"({', '.join(f'{name}: {count:,}' for name, count in dataset['recaption_models'].items()) or 'none'}). "
        f"Sample: {sample['rows']:,} rows of {sample['papers']:,} papers, seed {sample['seed']}.",
        _line("", "raw", "recaption", "relative change [95 %]"),
        *_length_lines(report["lengths"]["all"]),
    ]
    for name, title, describe in (
        ("grounding", "grounding", _grounding_lines),
        ("clip_score", "CLIPScore", _clip_lines),
        ("pseudo_perplexity", "pseudo-perplexity", _perplexity_lines),
    ):
        section = report[name]
        lines += describe(section) if section["measured"] else [f"{title}: not measured: {section['reason']}"]
    return lines + judgement_lines(report.get("judgements"))


def judgement_lines(section: dict[str, Any] | None) -> list[str]:
    """Return what people said of the captions as lines of text, none where nobody said anything."""
    if not section or not section["rows"]:
        return []
    lines = [f"judged by {section['judges']:,} people, {section['rows']:,} rows:"]
    for column, one in section["verdicts"].items():
        low, high = (100 * edge for edge in one["interval"])
        share = f"{_percent(one['good_share'])} [{low:.1f}, {high:.1f}]"
        lines.append(f"  {column}: {one['good']:,} good, {one['bad']:,} bad; good: {share}")
    for one in section["preferences"]:
        wins = ", ".join(f"{name} {count:,}" for name, count in one["wins"].items())
        low, high = (100 * edge for edge in one["interval"])
        share = f"{one['columns'][0]} of those decided: [{low:.1f}, {high:.1f}] %"
        lines.append(f"  preferred: {wins}, ties {one['ties']:,}; {share}")
    for one in section["agreement"]:
        kappa = "-" if one["kappa"] is None else f"{one['kappa']:.2f}"
        lines.append(f"  judges {one['judges'][0]} and {one['judges'][1]}: {one['rows']:,} rows, Cohen's kappa {kappa}")
    if section["alpha"] is not None:
        lines.append(f"  Krippendorff's alpha of all judges: {section['alpha']:.2f}")
    return lines


def _length_lines(lengths: dict[str, Any]) -> list[str]:
    characters = lengths["characters"]
    if not characters["raw"]["n"]:
        return []
    spread = [f"{one['mean']:.0f} ± {one['std']:.0f}" for one in characters.values()]
    variation = [_percent(one["cv"]) for one in characters.values()]
    return [
        _line("caption length, characters", *spread, _percent(lengths["relative_change"], sign=True)),
        _line("  coefficient of variation", *variation),
    ]


def _grounding_lines(section: dict[str, Any]) -> list[str]:
    raw, own, chance = (section[name]["all"] for name in ("raw", "recaption", "shuffled"))
    lines = []
    for name, title in (
        ("support", "grounding: claims that the paper bears out"),
        ("number_support", "  numbers"),
        ("entity_support", "  named entities"),
        ("symbol_support", "  symbols"),
    ):
        note = f"another paper's: {_percent(chance[name]['mean'])}"
        lines.append(_line(title, _percent(raw[name]["mean"]), _percent(own[name]["mean"]), note))
    copied = [f"{one['copied_run']['mean']:.1f}" for one in (raw, own)]
    novel = [_percent(one["novelty_4"]["mean"]) for one in (raw, own)]
    return [*lines, _line("  longest copied run, words", *copied), _line("  new 4-grams", *novel)]


def _clip_lines(section: dict[str, Any]) -> list[str]:
    rates = ", ".join(f"{name} {_percent(section['truncation_rate'][name])}" for name in ("raw", "recaption"))
    lines = [f"CLIPScore with {_model(section)}, w = {section['weight']:g}; longer than it reads: {rates}"]
    first = section["variants"][0]["image"]
    for variant in section["variants"]:
        lines.append(_compared(f"  {variant['text']}, image {variant['image']}", variant["all"], "raw", "recaption"))
        if variant["image"] == first and variant["text"] == "truncate":
            lines += _control_lines(variant)
    return lines + _skipped(section)


def _control_lines(variant: dict[str, Any]) -> list[str]:
    lines = [_compared("    recaption cut to the raw length", variant["length_matched"], "raw", "recaption_cut")]
    chance = [variant["shuffled"][name] for name in ("raw", "recaption")]
    means = [f"{one['shuffled']['mean']:.3f}" if one["n"] else "-" for one in chance]
    return [*lines, _line("    on another paper's figure", *means)]


def _perplexity_lines(section: dict[str, Any]) -> list[str]:
    lines = [
        f"log10 pseudo-perplexity with {_model(section)}, {section['sample']['rows']:,} rows;",
        *(
            []
            if section.get("exact", True)
            else [f"  approximated: every {section['stride']}th token is hidden at once;"]
        ),
        "  lower is more predictable; changes are of the geometric mean",
    ]
    for method in section["methods"]:
        lines.append(_compared(f"  {method['method']}", method["all"], "raw", "recaption"))
        lines.append(_compared("    recaption cut to the raw length", method["length_matched"], "raw", "recaption_cut"))
        corpus = [f"{method['corpus'][name]:.4g}" if method["corpus"][name] else "-" for name in ("raw", "recaption")]
        lines.append(_line("    corpus pseudo-perplexity", *corpus))
    return lines + _skipped(section)


def _compared(title: str, comparison: dict[str, Any], first: str, second: str) -> str:
    if not comparison["n"]:
        return _line(title, "-", "-", "no pair could be scored")
    spreads = [f"{comparison[name]['mean']:.3f} ± {comparison[name]['std']:.3f}" for name in (first, second)]
    change = comparison["relative_change"]
    text = _percent(change["value"], sign=True)
    if change["low"] is not None:
        text += f" [{100 * change['low']:+.1f}, {100 * change['high']:+.1f}]"
    return _line(title, *spreads, text)


def _skipped(section: dict[str, Any]) -> list[str]:
    parts = [
        f"{name} {reason} {count}" for name, counts in section["skipped"].items() for reason, count in counts.items()
    ]
    return [f"  skipped: {', '.join(parts)}"] if parts else []


def _model(section: dict[str, Any]) -> str:
    model = section["model"]
    revision = f"@{model['revision'][:12]}" if model["revision"] else ""
    return f"{model['id']}{revision} ({model['dtype']}, {model['device']}, reads {model['max_tokens']} tokens)"


def _percent(value: float | None, sign: bool = False) -> str:
    if value is None:
        return "-"
    return f"{100 * value:+.1f} %" if sign else f"{100 * value:.1f} %"


def _line(*cells: str) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=False)]
    return " ".join(padded).rstrip()
