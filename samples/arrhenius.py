"""Sample paper 4: errors of Arrhenius plots. Computes its numbers and draws its figures.

Least squares as in any textbook; kinetic compensation as an artefact: R. R. Krug, W. G. Hunter & R. A. Grieger,
J. Phys. Chem. 80, 2335 (1976).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from s1_mmalign.samples import drawing

Floats = NDArray[np.floating]

GAS = 8.314462618e-3
"""Molar gas constant in kJ/(mol K), CODATA 2018."""
ENERGY, LOG_A = 80.0, 27.6
"""True activation energy (kJ/mol) and logarithm of the prefactor (A in 1/s)."""
TEMPERATURES = np.arange(300.0, 341.0, 5.0)
RELATIVE, ABSOLUTE = 0.05, 0.005
"""Standard errors of a rate constant: share of itself, and share of the largest one."""
REPLICATES = 20_000
_SEED = 1889


def rate(temperature: Floats) -> Floats:
    """Return the true rate constant in 1/s."""
    return np.exp(LOG_A - ENERGY / (GAS * temperature))


def line_fit(temperature: Floats, log_rate: Floats, weight: Floats | float = 1.0) -> tuple[Floats, Floats]:
    """Fit ln k = ln A - E/(RT) by weighted least squares over the last axis; return E (kJ/mol) and ln A."""
    x = np.broadcast_to(1 / temperature, log_rate.shape)
    w = np.broadcast_to(weight, log_rate.shape)
    total = w.sum(axis=-1)
    mean_x, mean_y = (w * x).sum(axis=-1) / total, (w * log_rate).sum(axis=-1) / total
    dx = x - mean_x[..., None]
    slope = (w * dx * (log_rate - mean_y[..., None])).sum(axis=-1) / (w * dx * dx).sum(axis=-1)
    return -slope * GAS, mean_y - slope * mean_x


def curve_fit(temperature: Floats, rates: Floats, steps: int = 25) -> Floats:
    """Fit k = A exp(-E/RT) itself by Gauss-Newton over the last axis; return E (kJ/mol)."""
    shift = (1 / temperature - 1 / temperature[-1]) / GAS
    scale, energy = rates[:, -1:].copy(), np.full((len(rates), 1), ENERGY)
    for _ in range(steps):
        shape = np.exp(-energy * shift)
        left = rates - scale * shape
        j1, j2 = shape, -scale * shape * shift
        a, b, c = ((p * q).sum(axis=1, keepdims=True) for p, q in ((j1, j1), (j1, j2), (j2, j2)))
        r1, r2 = ((p * left).sum(axis=1, keepdims=True) for p in (j1, j2))
        determinant = a * c - b * b
        scale, energy = scale + (c * r1 - b * r2) / determinant, energy + (a * r2 - b * r1) / determinant
    return energy[:, 0]


@cache
def relative_errors() -> tuple[Floats, Floats, Floats]:
    """Return E and ln A of `REPLICATES` fits with log-normal errors, and the first data set's rate constants."""
    noise = np.random.default_rng(_SEED).standard_normal((REPLICATES, TEMPERATURES.size))
    rates = rate(TEMPERATURES) * np.exp(RELATIVE * noise)
    energy, log_a = line_fit(TEMPERATURES, np.log(rates))
    return energy, log_a, rates[0]


@cache
def absolute_errors() -> tuple[dict[str, Floats], int]:
    """Return E by three ways of fitting with errors of one size, and how many data sets had a rate below zero."""
    noise = np.random.default_rng(_SEED + 1).standard_normal((REPLICATES, TEMPERATURES.size))
    rates = rate(TEMPERATURES) + ABSOLUTE * rate(TEMPERATURES[-1:]) * noise
    good = (rates > 0).all(axis=1)
    rates = rates[good]
    energies = {
        "line, equal weights": line_fit(TEMPERATURES, np.log(rates))[0],
        "line, weights $k^2$": line_fit(TEMPERATURES, np.log(rates), rates**2)[0],
        "curve": curve_fit(TEMPERATURES, rates),
    }
    return energies, int((~good).sum())


def predicted_error(temperature: Floats, relative: float = RELATIVE) -> float:
    """Return the standard error of E (kJ/mol) that least squares predicts: R sigma / sqrt(sum (x - mean x)^2)."""
    x = 1 / temperature
    return float(GAS * relative / np.sqrt(((x - x.mean()) ** 2).sum()))


@cache
def by_span() -> tuple[Floats, Floats, Floats]:
    """Return spans of temperature (K) about 320 K, and the error of E predicted and found in 4,000 fits."""
    spans = np.array([5.0, 10.0, 20.0, 40.0, 80.0])
    predicted, found = np.empty(spans.size), np.empty(spans.size)
    rng = np.random.default_rng(_SEED + 2)
    for i, span in enumerate(spans):
        temperature = 320 + span * np.linspace(-0.5, 0.5, TEMPERATURES.size)
        noise = RELATIVE * rng.standard_normal((4000, temperature.size))
        predicted[i] = predicted_error(temperature)
        found[i] = line_fit(temperature, np.log(rate(temperature)) + noise)[0].std()
    return spans, predicted, found


def harmonic_mean() -> float:
    """Return the harmonic mean of the temperatures in K."""
    return float(1 / (1 / TEMPERATURES).mean())


def numbers() -> dict[str, str]:
    """Return what the text of the paper quotes, by the names it uses."""
    energy, log_a, first = relative_errors()
    ways, negative = absolute_errors()
    _, predicted, found = by_span()
    x = 1 / TEMPERATURES
    fitted, intercept = line_fit(TEMPERATURES, np.log(first))
    values = {
        "rate_low": f"{rate(TEMPERATURES[:1])[0]:.4f}",
        "rate_high": f"{rate(TEMPERATURES[-1:])[0]:.3f}",
        "rate_ratio": f"{rate(TEMPERATURES[-1:])[0] / rate(TEMPERATURES[:1])[0]:.1f}",
        "first_energy": f"{float(fitted):.1f}",
        "first_log_a": f"{float(intercept):.2f}",
        "predicted": f"{predicted_error(TEMPERATURES):.3f}",
        "found": f"{energy.std():.3f}",
        "mean": f"{energy.mean():.2f}",
        "log_a_error": f"{log_a.std():.3f}",
        "factor": f"{np.exp(log_a.std()):.2f}",
        "correlation": f"{np.corrcoef(energy, log_a)[0, 1]:.5f}",
        "theory": f"{x.mean() / np.sqrt((x * x).mean()):.5f}",
        "harmonic": f"{harmonic_mean():.2f}",
        "slope": f"{1 / (GAS * harmonic_mean()):.5f}",
        "slope_found": f"{(np.cov(energy, log_a)[0, 1] / energy.var()):.4f}",
        "used": f"{REPLICATES - negative:,}",
        "span_short": f"{predicted[0]:.1f}",
        "span_long": f"{predicted[-1]:.2f}",
        "span_gap": f"{100 * np.abs(found / predicted - 1).max():.1f}",
        "signal": f"{rate(TEMPERATURES[:1])[0] / rate(TEMPERATURES[-1:])[0] / ABSOLUTE:.1f}",
    }
    for name, key in zip(("equal", "weighted", "curve"), ways, strict=True):
        values[f"{name}_mean"] = f"{ways[key].mean():.2f}"
        values[f"{name}_error"] = f"{ways[key].std():.2f}"
    ratio = ways["line, equal weights"].std() / ways["curve"].std()
    return values | {"gain": f"{ratio:.1f}", "gain_squared": f"{ratio * ratio:.0f}"}


def images() -> dict[str, bytes]:
    """Return the paper's figures as PDF, in order."""
    drawing.use_style("serif")
    return {"figure1": _plot(), "figure2": _spans(), "figure3": _compensation(), "figure4": _ways()}


def _plot() -> bytes:
    first = relative_errors()[2]
    energy, log_a = line_fit(TEMPERATURES, np.log(first))
    dense = np.linspace(297, 343, 120)
    figure, (left, right) = drawing.new_figure(6.9, 2.6, columns=2)
    left.plot(dense, 1e3 * rate(dense), color=drawing.GREY, label="truth")
    left.errorbar(TEMPERATURES, 1e3 * first, 1e3 * RELATIVE * first, fmt="o", color=drawing.BLUE, markersize=4)
    left.set(xlabel="temperature (K)", ylabel="rate constant $k$ (10$^{-3}$ s$^{-1}$)", xlim=(296, 344))
    left.set_ylim(0, None)
    drawing.letter(left, "(a)")
    right.plot(1e3 / dense, np.log(rate(dense)), color=drawing.GREY)
    right.plot(1e3 / dense, np.round(log_a - energy / (GAS * dense), 6), color=drawing.RED, linestyle=(0, (5, 2)))
    right.errorbar(1e3 / TEMPERATURES, np.log(first), RELATIVE, fmt="o", color=drawing.BLUE, markersize=4)
    right.set(xlabel="1000 K / $T$", ylabel=r"$\ln(k\,/\,\mathrm{s}^{-1})$")
    drawing.letter(right, "(b)")
    return drawing.pdf(figure)


def _compensation(shown: int = 1200) -> bytes:
    energy, log_a, _ = relative_errors()
    ends = np.array([75.6, 84.4])
    figure, (axes,) = drawing.new_figure(3.35, 2.9)
    axes.plot(np.round(energy[:shown], 5), np.round(log_a[:shown], 5), ".", color=drawing.BLUE, markersize=2.5)
    line = LOG_A + (ends - ENERGY) / (GAS * harmonic_mean())
    axes.plot(ends, line, color=drawing.RED, linewidth=1)
    axes.plot([ENERGY], [LOG_A], "*", color=drawing.ORANGE, markersize=11, markeredgecolor=drawing.INK)
    axes.set(xlabel="fitted $E$ (kJ mol$^{-1}$)", ylabel=r"fitted $\ln(A\,/\,\mathrm{s}^{-1})$", xlim=ends)
    return drawing.pdf(figure)


def _spans() -> bytes:
    spans, predicted, found = by_span()
    figure, (axes,) = drawing.new_figure(3.35, 2.7)
    axes.loglog(spans, np.round(predicted, 6), color=drawing.GREY, label="least squares")
    axes.loglog(spans, np.round(found, 6), "o", color=drawing.BLUE, label="simulated")
    axes.set_xticks(spans, [f"{span:.0f}" for span in spans])
    axes.set_yticks([0.5, 1, 2, 5, 10, 20], ["0.5", "1", "2", "5", "10", "20"])
    axes.minorticks_off()
    axes.set(xlabel="span of temperature (K)", ylabel="standard error of $E$ (kJ mol$^{-1}$)")
    axes.legend()
    return drawing.pdf(figure)


def _ways() -> bytes:
    ways, _ = absolute_errors()
    edges = np.linspace(72, 88, 97)
    figure, (axes,) = drawing.new_figure(3.35, 2.7)
    for (name, energies), colour in zip(ways.items(), drawing.COLOURS, strict=False):
        counts, _ = np.histogram(energies, edges)
        share = np.round(100 * counts / energies.size, 4)
        axes.stairs(share, edges, color=colour, label=name, fill=name.endswith("weights"), alpha=0.9)
    axes.axvline(ENERGY, color=drawing.INK, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set(xlabel="fitted $E$ (kJ mol$^{-1}$)", ylabel="share of fits (%)", xlim=(72, 88))
    axes.legend(loc="upper left", handlelength=1.2)
    return drawing.pdf(figure)
