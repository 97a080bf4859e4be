"""Sample paper 1: the logistic map. Computes every number of `sources/logistic` and draws its figures.

All formulas are standard: R. M. May, Nature 261, 459 (1976); M. J. Feigenbaum, J. Stat. Phys. 19, 25 (1978).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from s1_mmalign.samples import drawing

FEIGENBAUM = 4.669201609102990
"""Feigenbaum's constant delta, OEIS A006890."""

_ACCUMULATION = 3.5699456718709449
"""r at which the period-doubling cascade ends, OEIS A098587."""

Floats = NDArray[np.floating]


def orbit(r: float, x: float, steps: int) -> Floats:
    """Return x and the `steps` values that follow it."""
    values = np.empty(steps + 1)
    for i in range(steps + 1):
        values[i] = x
        x = r * x * (1 - x)
    return values


@cache
def density(columns: int = 960, rows: int = 560, steps: int = 2400) -> tuple[Floats, NDArray[np.int32]]:
    """Return r, and how often the orbits visit each bin of x (row 0: x = 0), after 1,000 steps of transient."""
    r = np.linspace(2.8, 4.0, columns)
    x = np.full(columns, 0.3)
    for _ in range(1000):
        x = r * x * (1 - x)
    counts = np.zeros((rows, columns), np.int32)
    every = np.arange(columns)
    for _ in range(steps):
        x = r * x * (1 - x)
        counts[np.minimum((x * rows).astype(int), rows - 1), every] += 1
    return r, counts


@cache
def lyapunov(points: int = 2401, steps: int = 4000) -> tuple[Floats, Floats]:
    """Return r in [2.8, 4] and the Lyapunov exponent (nats per step) over `steps` after 1,000 of transient."""
    r = np.linspace(2.8, 4.0, points)
    x = np.full(points, 0.3)
    for _ in range(1000):
        x = r * x * (1 - x)
    total = np.zeros(points)
    for _ in range(steps):
        total += np.log(np.maximum(np.abs(r * (1 - 2 * x)), 1e-300))
        x = r * x * (1 - x)
    return r, np.round(total / steps, 6)


@cache
def superstable(count: int = 9) -> list[float]:
    """Return R_0, R_1, ...: r at which x = 1/2 lies on the stable cycle of period 2^n.

    Newton's method on f_r^{2^n}(1/2) - 1/2 = 0, started where the ratio of gaps predicts the root.
    """
    found = [2.0, 1.0 + 5.0**0.5]
    while len(found) < count:
        ratio = FEIGENBAUM if len(found) > 2 else 4.7
        r = found[-1] + (found[-1] - found[-2]) / ratio
        for _ in range(40):
            x, slope = 0.5, 0.0
            for _ in range(2 ** len(found)):
                slope = x * (1 - x) + r * (1 - 2 * x) * slope
                x = r * x * (1 - x)
            r -= (x - 0.5) / slope
        found.append(r)
    return found


def numbers() -> dict[str, str]:
    """Return what the text of the paper quotes, by the names it uses."""
    roots = superstable()
    ratios = [(roots[n - 1] - roots[n - 2]) / (roots[n] - roots[n - 1]) for n in range(2, len(roots))]
    r, exponent = lyapunov()
    beyond = r > _ACCUMULATION
    fully = orbit(4.0, 0.3, 200_000)[:-1]
    chaos = orbit(3.9, 0.3, 200_000)[:-1]
    window = exponent[(r > 1 + 8**0.5) & (r < 3.84)]
    two = [(4.2 - sign * (0.2 * 4.2) ** 0.5) / 6.4 for sign in (1, -1)]
    four = sorted(orbit(3.5, 0.3, 10_003)[-4:])
    first = next(i for i in range(len(r)) if r[i] > 3.5 and exponent[i] > 0.001)
    return {
        "fixed": f"{1 - 1 / 2.8:.4f}",
        "two_low": f"{two[0]:.4f}",
        "two_high": f"{two[1]:.4f}",
        "four": ", ".join(f"{x:.4f}" for x in four[:-1]) + f" and {four[-1]:.4f}",
        "lambda_chaos": f"{np.log(np.abs(3.9 * (1 - 2 * chaos))).mean():.3f}",
        "lambda_full": f"{np.log(np.abs(4 * (1 - 2 * fully))).mean():.4f}",
        "ln_two": f"{np.log(2):.4f}",
        "accumulation": f"{_ACCUMULATION:.6f}",
        "second": f"{1 + 6**0.5:.6f}",
        "three": f"{1 + 8**0.5:.6f}",
        "periodic_share": f"{100 * np.mean(exponent[beyond] < 0):.1f}",
        "grid_points": f"{int(beyond.sum())}",
        "window_lowest": f"{window.min():.2f}",
        "first_chaos": f"{r[first]:.4f}",
        "superstable": ", ".join(f"{x:.6f}" for x in roots[:4]),
        "periods": f"{2 ** (len(roots) - 1)}",
        "ratio_first": f"{ratios[0]:.4f}",
        "ratio_last": f"{ratios[-1]:.6f}",
        "ratio_error": f"{abs(ratios[-1] - FEIGENBAUM) * 1e6:.1f}",
        "delta": f"{FEIGENBAUM:.6f}",
    }


def images() -> dict[str, bytes]:
    """Return the paper's figure files by their path in its package."""
    drawing.use_style("serif")
    files = {"figures/bifurcation.pdf": _bifurcation()}
    for name, r, x, steps in (
        ("fixed", 2.8, 0.1, 40),
        ("two", 3.2, 0.1, 60),
        ("four", 3.5, 0.1, 90),
        ("chaos", 3.9, 0.1, 90),
    ):
        files[f"figures/cobweb_{name}.pdf"] = _cobweb(r, x, steps)
    files["figures/lyapunov.eps"] = _exponent()
    files["figures/feigenbaum-eps-converted-to.pdf"] = _convergence()
    return files


def _bifurcation() -> bytes:
    from matplotlib.colors import LinearSegmentedColormap

    r, counts = density()
    shade = np.round(np.minimum(counts / 40.0, 1.0) ** 0.4 * 15) / 15
    ink = LinearSegmentedColormap.from_list("ink", ["white", "#9db8d6", drawing.BLUE, "#08182e"], 16)
    figure, (axes,) = drawing.new_figure(6.4, 3.7)
    axes.imshow(shade, extent=(r[0], r[-1], 0, 1), origin="lower", aspect="auto", cmap=ink, interpolation="none")
    for value, name in ((3.0, "$r_1$"), (1 + 6**0.5, "$r_2$"), (_ACCUMULATION, r"$r_\infty$"), (1 + 8**0.5, "$r_*$")):
        axes.axvline(value, color=drawing.RED, linewidth=0.7, linestyle=(0, (4, 3)))
        axes.annotate(name, (value, 1.0), (2, 2), textcoords="offset points", color=drawing.RED, annotation_clip=False)
    axes.set(xlabel="growth parameter $r$", ylabel="long-term orbit $x_n$", xlim=(2.8, 4), ylim=(0, 1))
    return drawing.pdf(figure)


def _cobweb(r: float, x: float, steps: int) -> bytes:
    values = orbit(r, x, steps)
    path_x = np.repeat(values, 2)[:-1]
    path_y = np.concatenate([[0.0], np.repeat(values[1:], 2)])
    grid = np.linspace(0, 1, 201)
    figure, (axes,) = drawing.new_figure(2.7, 2.6)
    axes.plot([0, 1], [0, 1], color=drawing.GREY, linewidth=0.8)
    axes.plot(grid, r * grid * (1 - grid), color=drawing.BLUE, linewidth=1.8)
    axes.plot(path_x, path_y, color=drawing.ORANGE, linewidth=0.7)
    axes.plot(values[-16:], [0] * 16, "|", color=drawing.RED, markersize=7, clip_on=False)
    axes.set(xlabel="$x_n$", ylabel="$x_{n+1}$", xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.set_xticks([0, 0.5, 1])
    axes.set_yticks([0, 0.5, 1])
    axes.set_title(f"$r = {r}$", color=drawing.INK)
    return drawing.pdf(figure)


def _exponent() -> bytes:
    r, exponent = lyapunov()
    figure, (axes,) = drawing.new_figure(6.4, 3.0)
    shown = np.maximum(exponent, -2.0)
    axes.axhline(0, color=drawing.INK, linewidth=0.7)
    axes.fill_between(r, shown, 0, where=shown > 0, color="#f0b9a0", linewidth=0)
    axes.plot(r, shown, color=drawing.BLUE, linewidth=0.6)
    axes.plot([4.0], [np.log(2)], "o", color=drawing.RED, markersize=5, clip_on=False)
    axes.annotate(r"$\ln 2$", (4.0, np.log(2)), (-8, 4), textcoords="offset points", color=drawing.RED, ha="right")
    axes.set(xlabel="growth parameter $r$", ylabel=r"Lyapunov exponent $\lambda$", xlim=(2.8, 4), ylim=(-2, 0.8))
    return drawing.eps(figure)


def _convergence() -> bytes:
    roots = np.array(superstable())
    gaps = np.diff(roots)
    ratios = gaps[:-1] / gaps[1:]
    figure, (left, right) = drawing.new_figure(6.4, 2.7, columns=2)
    left.semilogy(np.arange(1, len(roots)), gaps, "o-", color=drawing.BLUE, markersize=5)
    left.set(xlabel="doubling $n$", ylabel="$R_n - R_{n-1}$")
    drawing.letter(left, "(a)")
    right.semilogy(np.arange(2, len(roots)), np.abs(ratios - FEIGENBAUM), "s-", color=drawing.ORANGE, markersize=5)
    right.set(xlabel="doubling $n$", ylabel=r"$|\delta_n - \delta|$")
    drawing.letter(right, "(b)")
    return drawing.pdf(figure)
