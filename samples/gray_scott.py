"""Sample paper 3: patterns of the Gray-Scott model. Computes its numbers and draws its figures.

Model: P. Gray & S. K. Scott, Chem. Eng. Sci. 39, 1087 (1984); patterns: J. E. Pearson, Science 261, 189 (1993).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from s1_mmalign.samples import drawing

Floats = NDArray[np.floating]
Field = NDArray[np.float32]

DU, DV = 0.16, 0.08
"""Diffusivities of u and v, in squares of the grid spacing per unit of time."""
SIZE, STEPS, EVERY = 160, 12_000, 200
CASES = {"a": (0.0367, 0.0649), "b": (0.0545, 0.0620), "c": (0.0390, 0.0580), "d": (0.0620, 0.0610)}
"""Feed rate F and removal rate k of the four runs."""

_SEED = 7
_SPOT = np.float32(0.2)
_NAMES = {"a": "spots", "b": "labyrinth", "c": "holes", "d": "lines and holes"}


@dataclass(frozen=True)
class Run:
    """One simulation: final `v`, its mean and number of spots every `EVERY` steps, and the last mean |dv/dt|."""

    v: Field
    means: list[float]
    spots: list[int]
    drift: float


def _laplacian(a: Field) -> Field:
    return np.roll(a, 1, 0) + np.roll(a, -1, 0) + np.roll(a, 1, 1) + np.roll(a, -1, 1) - 4 * a


@cache
def run(case: str) -> Run:
    """Integrate by forward Euler (unit grid spacing and time step, periodic) from six seeded squares."""
    feed, removal = (np.float32(x) for x in CASES[case])
    du, dv = np.float32(DU), np.float32(DV)
    rng = np.random.default_rng(_SEED)
    u, v = np.ones((SIZE, SIZE), np.float32), np.zeros((SIZE, SIZE), np.float32)
    for _ in range(6):
        i, j = rng.integers(0, SIZE - 8, 2)
        u[i : i + 8, j : j + 8], v[i : i + 8, j : j + 8] = 0.5, 0.25
    u += np.float32(0.01) * rng.standard_normal((SIZE, SIZE)).astype(np.float32)
    means, spots, drift = [float(v.mean())], [count_spots(v)], 0.0
    for step in range(1, STEPS + 1):
        reaction = u * v * v
        change = dv * _laplacian(v) + reaction - (feed + removal) * v
        u, v = u + (du * _laplacian(u) - reaction + feed * (1 - u)), v + change
        if step % EVERY == 0:
            means.append(float(v.mean()))
            spots.append(count_spots(v) if case == "a" else 0)
            drift = float(np.abs(change).mean())
    return Run(v, means, spots, drift)


def count_spots(v: Field) -> int:
    """Return the number of regions with v > 0.2, joined over edges, also over the periodic border."""
    inside = v > _SPOT
    labels = np.where(inside, np.arange(1, v.size + 1).reshape(v.shape), 0)
    while True:
        spread = labels
        for axis in (0, 1):
            for shift in (1, -1):
                spread = np.maximum(spread, np.roll(labels, shift, axis))
        spread = np.where(inside, spread, 0)
        if np.array_equal(spread, labels):
            return int(np.unique(labels[inside]).size)
        labels = spread


def uniform_state(feed: float, removal: float) -> tuple[float, float] | None:
    """Return u and v of the non-trivial uniform state with the smaller u, None where there is none."""
    root = 1 - 4 * (feed + removal) ** 2 / feed
    if root < 0:
        return None
    u = (1 - root**0.5) / 2
    return u, feed * (1 - u) / (feed + removal)


def growth(feed: float, removal: float, wave: Floats) -> Floats:
    """Return the largest growth rate of a plane wave along a grid axis; `wave`: radians per grid spacing."""
    state = uniform_state(feed, removal)
    if state is None:
        raise ValueError(f"no uniform state at F={feed}, k={removal}")
    v2 = state[1] ** 2
    minus_laplacian = 2 - 2 * np.cos(wave)
    a, d = -v2 - feed - DU * minus_laplacian, feed + removal - DV * minus_laplacian
    trace, determinant = a + d, a * d + 2 * (feed + removal) * v2
    return (trace / 2 + np.sqrt((trace**2 / 4 - determinant).astype(complex))).real


@cache
def spectrum(case: str) -> tuple[Floats, Floats]:
    """Return wave numbers (cycles per grid spacing) and the power of v in rings, as shares of the total."""
    field = run(case).v.astype(float)
    power = np.abs(np.fft.fft2(field - field.mean())) ** 2
    frequency = np.fft.fftfreq(SIZE)
    ring = np.rint(np.hypot(*np.meshgrid(frequency, frequency)) * SIZE).astype(int)
    sums = np.bincount(ring.ravel(), power.ravel())[: SIZE // 4]
    return np.arange(SIZE // 4) / SIZE, np.round(sums / power.sum(), 7)


def wavelength(case: str) -> float:
    """Return the wavelength (grid spacings) of the power-weighted mean wave number, over rings above half the peak."""
    waves, power = spectrum(case)
    high = power >= power.max() / 2
    return float(power[high].sum() / (power[high] * waves[high]).sum())


@cache
def regimes(points: int = 480) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Return k, F and the class of the uniform state on their grid (rows: F).

    0: there is none; 1: stable; 2: unstable to waves alone; 3: unstable when stirred alone; 4: to both.
    """
    k = np.linspace(0.054, 0.067, points)
    feed = np.linspace(0.03, 0.08, points)[:, None]
    root = 1 - 4 * (feed + k) ** 2 / feed
    v2 = (feed * (1 + np.sqrt(np.maximum(root, 0))) / 2 / (feed + k)) ** 2
    cross = DU * (feed + k) - DV * (v2 + feed)
    waves = (cross > 0) & (cross**2 > 4 * DU * DV * (feed + k) * (v2 - feed))
    return k, feed[:, 0], np.where(root < 0, 0, 1 + waves + 2 * (k > v2))


def numbers() -> dict[str, str]:
    """Return what the text of the paper quotes, by the names it uses."""
    runs = {case: run(case) for case in CASES}
    waves = np.linspace(0.01, 1.5, 1491)
    peak = waves[growth(*CASES["b"], waves).argmax()]
    spots = np.array(runs["a"].spots)
    values = {"spots_first": str(spots[0]), "spots_last": str(spots[-1])}
    values["spots_half"] = f"{EVERY * int(np.argmax(spots >= spots[-1] / 2)):,}"
    still = int(np.flatnonzero(np.abs(spots - spots[-1]) > 0.02 * spots[-1]).max()) + 1
    values["spots_still"] = f"{EVERY * still:,}"
    for name, choose in (("least", min), ("most", max)):
        values[f"drift_{name}"] = f"{1e6 * choose(one.drift for one in runs.values()):.1f}"
        values[f"wavelength_{name}"] = f"{choose(map(wavelength, CASES)):.1f}"
    for case, (feed, removal) in CASES.items():
        values[f"mean_{case}"] = f"{runs[case].means[-1]:.3f}"
        values[f"wavelength_{case}"] = f"{wavelength(case):.1f}"
        values[f"excess_{case}"] = f"{4 * (feed + removal) ** 2 / feed:.3f}"
        if state := uniform_state(feed, removal):
            values[f"trace_{case}"] = f"{1e3 * (removal - state[1] ** 2):.2f}"
    values["fastest"] = f"{2 * np.pi / peak:.1f}"
    values["rate"] = f"{growth(*CASES['b'], np.array([peak]))[0]:.4f}"
    values["rate_stirred"] = f"{1e3 * growth(*CASES['b'], np.zeros(1))[0]:.2f}"
    values["highest_d"] = f"{1e3 * growth(*CASES['d'], waves).max():.1f}"
    values["highest_c"] = f"{1e3 * growth(*CASES['c'], np.linspace(0, 1.5, 1501)).max():.2f}"
    return {name: value.replace("-", "−") for name, value in values.items()}


def images() -> dict[str, bytes]:
    """Return the paper's figure files by their path in its package."""
    drawing.use_style("sans")
    return {
        "content/gs_fig1.jpg": _patterns(),
        "content/gs_fig2.tif": _regime_map(),
        "content/gs_fig3": _course(),
        "content/gs_fig4a.tif": _dispersion(),
        "content/gs_fig4b.png": _spectra(),
    }


def _relief(v: Field) -> Floats:
    """Return `v` as an RGB picture (values 0 to 1): colour by concentration, lit from the upper left as a relief."""
    from matplotlib.colors import LinearSegmentedColormap
    from PIL import Image

    height = np.asarray(Image.fromarray(np.tile(v, (3, 3))).resize((9 * SIZE, 9 * SIZE), Image.Resampling.BICUBIC))
    height = height[3 * SIZE : 6 * SIZE, 3 * SIZE : 6 * SIZE]
    down, right = (np.asarray(g) for g in np.gradient(height))
    light = np.clip(0.95 + 9.0 * (down + right), 0.4, 1.3)
    skin = LinearSegmentedColormap.from_list("skin", ["#0b1f33", "#14495c", "#2f8f83", "#e2b96f", "#fff3d6"])
    return np.clip(skin(height / 0.42)[..., :3] * light[..., None], 0, 1)


def _patterns() -> bytes:
    figure, panels = drawing.new_figure(6.4, 6.7, 2, 2)
    for axes, (case, (feed, removal)) in zip(panels, CASES.items(), strict=True):
        axes.imshow(_relief(run(case).v), interpolation="none")
        axes.set_axis_off()
        drawing.letter(axes, case)
        axes.set_title(f"$F={feed}$, $k={removal}$", color=drawing.INK)
    return drawing.encode(drawing.raster(figure, 170), "JPEG", 170)


def _regime_map() -> bytes:
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    k, feed, classes = regimes()
    tints = ["#ffffff", "#cfe3f1", "#f6d8a8", "#f0b9a0", "#b7a3cf"]
    names = ["no uniform state with $v>0$", "stable", "unstable to waves", "unstable when stirred", "unstable to both"]
    figure, (axes,) = drawing.new_figure(5.6, 3.9)
    axes.pcolormesh(k, feed, classes, cmap=ListedColormap(tints), vmin=-0.5, vmax=4.5, shading="nearest")
    curve = np.linspace(0.0301, 0.0799, 300)
    axes.plot(np.sqrt(curve) / 2 - curve, curve, color=drawing.INK, linewidth=1.4)
    for case, (f, r) in CASES.items():
        axes.plot([r], [f], "o", color=drawing.RED, markersize=6, markeredgecolor="white")
        axes.annotate(case, (r, f), (7, -3), textcoords="offset points", fontweight="bold", color=drawing.RED)
    patches = [Patch(facecolor=tint, edgecolor=drawing.INK, linewidth=0.6) for tint in tints]
    figure.legend(patches, names, loc="outside upper center", ncols=2)
    axes.set(xlabel="removal rate $k$", ylabel="feed rate $F$", xlim=(0.054, 0.067), ylim=(0.03, 0.08))
    return drawing.encode(drawing.raster(figure), "TIFF")


def _course() -> bytes:
    time = np.arange(STEPS // EVERY + 1) * EVERY / 1000
    figure, (left, right) = drawing.new_figure(6.8, 2.9, columns=2)
    left.semilogy(time, run("a").spots, "o-", color=drawing.RED, markersize=3)
    left.set(xlabel="time (thousand steps)", ylabel="spots in run a")
    drawing.letter(left, "a")
    for case, colour in zip(CASES, drawing.COLOURS, strict=False):
        right.plot(time, run(case).means, color=colour, label=f"{case}: {_NAMES[case]}")
    right.set(xlabel="time (thousand steps)", ylabel="mean of $v$", ylim=(0, 0.36))
    right.legend(loc="upper center", ncols=2, columnspacing=0.8, handlelength=1.2)
    drawing.letter(right, "b")
    return drawing.encode(drawing.raster(figure), "PNG")


def _dispersion() -> bytes:
    waves = np.linspace(0, 1.1, 551)
    figure, (axes,) = drawing.new_figure(3.5, 3.0)
    axes.axhline(0, color=drawing.GREY, linewidth=0.8)
    for case, colour in zip(CASES, drawing.COLOURS, strict=False):
        if uniform_state(*CASES[case]):
            axes.plot(waves, 1000 * growth(*CASES[case], waves), color=colour, label=f"run {case}")
    axes.set(xlabel="wave number $q$ (rad per spacing)", ylabel=r"growth rate ($10^{-3}$)", ylim=(-25, 15))
    axes.legend(loc="upper right")
    return drawing.encode(drawing.raster(figure), "TIFF")


def _spectra() -> bytes:
    figure, (axes,) = drawing.new_figure(3.5, 3.0)
    for case, colour in zip(CASES, drawing.COLOURS, strict=False):
        waves, power = spectrum(case)
        axes.plot(waves[1:], 100 * power[1:], color=colour, label=f"run {case}")
    fast = np.linspace(0.01, 1.5, 1491)
    peak = fast[growth(*CASES["b"], fast).argmax()] / (2 * np.pi)
    axes.axvline(peak, color=drawing.COLOURS[1], linestyle=(0, (4, 3)), linewidth=1)
    axes.set(xlabel="wave number (cycles per spacing)", ylabel="share of power (%)", xlim=(0, 0.2), ylim=(0, None))
    axes.legend(loc="upper right")
    return drawing.encode(drawing.raster(figure), "PNG")
