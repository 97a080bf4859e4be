"""Sample paper 2: from Kepler's equation to a transit light curve. Computes its numbers and draws its figures.

Transit: K. Mandel & E. Agol, ApJ 580, L171 (2002), here as one integral over radius instead of elliptic
functions. Transit duration: S. Seager & G. Mallen-Ornelas, ApJ 585, 1038 (2003).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from s1_mmalign.samples import drawing

Floats = NDArray[np.floating]

RATIO, AXIS, PERIOD, DARKENING = 0.1, 9.0, 3.5, (0.40, 0.26)
"""Planet's radius and semi-major axis in stellar radii, period in days, quadratic limb darkening."""

_IMPACT = 0.3
_NOISE = 400e-6
_CADENCE = 2.0 / 60 / 24
_SEED = 20260105


def start(mean: Floats, e: float | Floats) -> Floats:
    """Return Danby's first guess of the eccentric anomaly, all in radians."""
    return mean + 0.85 * e * np.sign(np.sin(mean))


def solve(mean: Floats, e: float | Floats, tolerance: float = 1e-10) -> tuple[Floats, NDArray[np.int64]]:
    """Return E of `E - e sin E = mean` (radians) by Newton's method, and the steps that each point took.

    A point is done when its correction is below `tolerance`.
    """
    anomaly = start(mean, e)
    steps = np.zeros(anomaly.shape, np.int64)
    active = np.ones(anomaly.shape, bool)
    while active.any():
        correction = (anomaly - e * np.sin(anomaly) - mean) / (1 - e * np.cos(anomaly))
        anomaly = np.where(active, anomaly - correction, anomaly)
        steps += active
        active &= np.abs(correction) > tolerance
    return anomaly, steps


def true_anomaly(anomaly: Floats, e: float) -> Floats:
    """Return the true anomaly in radians, continuous in E."""
    return anomaly + 2 * np.arctan2(e * np.sin(anomaly), 1 + (1 - e * e) ** 0.5 - e * np.cos(anomaly))


def flux(distance: Floats, ratio: float, darkening: tuple[float, float] = DARKENING, nodes: int = 400) -> Floats:
    """Return the star's relative flux behind a dark disc of `ratio` stellar radii at `distance` (stellar radii).

    A ring of radius r has the half-angle arccos((z^2 + r^2 - p^2) / 2zr) covered; the sum over rings is taken
    at the midpoints of `nodes` equal steps of the angle that carries r from the disc's near edge to its far edge.
    """
    u1, u2 = darkening
    z = np.maximum(np.abs(distance), 1e-9)[:, None]
    low, high = np.abs(z - ratio), np.minimum(z + ratio, 1.0)
    angle = (np.arange(nodes) + 0.5) * np.pi / nodes
    half = np.maximum(high - low, 0) / 2
    r = np.maximum(low, 0) + half * (1 - np.cos(angle))
    weight = half * np.sin(angle) * np.pi / nodes
    covered = np.arccos(np.clip((z * z + r * r - ratio**2) / (2 * z * r), -1, 1))
    lost = (_intensity(r, u1, u2) * 2 * r * covered * weight).sum(axis=1)
    inside = np.minimum(np.maximum(ratio - z[:, 0], 0), 1.0)
    lost += np.pi * (inside**2 * (1 - u1 - u2) + _disc(inside, u1, u2))
    return 1 - lost / (np.pi * (1 - u1 / 3 - u2 / 6))


def _intensity(r: Floats, u1: float, u2: float) -> Floats:
    mu = np.sqrt(np.maximum(1 - r * r, 0))
    return 1 - u1 * (1 - mu) - u2 * (1 - mu) ** 2


def _disc(radius: Floats, u1: float, u2: float) -> Floats:
    """Integral of the intensity's limb-darkened part over a centred disc, divided by pi."""
    mu2 = 1 - radius**2
    linear = 2 / 3 * (1 - mu2**1.5)
    square = (1 - mu2**2) / 2
    return (u1 + 2 * u2) * linear - u2 * square


def separation(time: Floats, impact: float) -> Floats:
    """Return the sky distance of planet and star (stellar radii), `time` in days from mid-transit, circular orbit."""
    phase = 2 * np.pi * time / PERIOD
    return np.sqrt((AXIS * np.sin(phase)) ** 2 + (impact * np.cos(phase)) ** 2)


def duration(impact: float, ratio: float = RATIO) -> float:
    """Return the time between first and last contact in hours."""
    sine = np.sqrt(((1 + ratio) ** 2 - impact**2) / (AXIS**2 - impact**2))
    return float(24 * PERIOD / np.pi * np.arcsin(sine))


@cache
def photometry() -> tuple[Floats, Floats]:
    """Return simulated times (days) and fluxes: one transit, two-minute cadence, Gaussian noise."""
    time = np.round(np.arange(-0.15, 0.15, _CADENCE), 9)
    noise = np.random.default_rng(_SEED).standard_normal(time.size) * _NOISE
    return time, np.round(flux(separation(time, _IMPACT), RATIO) + noise, 7)


@cache
def fit() -> tuple[float, float, float, int]:
    """Return the radius ratio that fits best, its standard error, chi^2, and the number of points.

    chi^2 is taken on a grid of ratios; a parabola through its lowest part gives minimum and curvature.
    """
    time, observed = photometry()
    grid = np.linspace(0.094, 0.106, 49)
    z = separation(time, _IMPACT)
    chi2 = np.array([(((observed - flux(z, p)) / _NOISE) ** 2).sum() for p in grid])
    near = np.abs(grid - grid[chi2.argmin()]) < 0.0021
    a, b, c = np.polyfit(grid[near] - RATIO, chi2[near], 2)
    return RATIO - b / (2 * a), float(1 / np.sqrt(a)), float(c - b * b / (4 * a)), time.size


@cache
def newton_map() -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Return mean anomaly (radians), eccentricity, and Newton's steps on their grid (rows: e)."""
    mean = (np.arange(360) + 0.5) * np.pi / 360
    e = (np.arange(200) + 0.5) * 0.99 / 200
    grid_m, grid_e = np.meshgrid(mean, e)
    return mean, e, solve(grid_m, grid_e)[1]


def numbers() -> dict[str, str]:
    """Return what the text of the paper quotes, by the names it uses."""
    steps = newton_map()[2]
    centre = np.zeros(1)
    depth = {u: 1 - float(flux(centre, RATIO, u)[0]) for u in ((0.0, 0.0), DARKENING)}
    ratio, error, chi2, points = fit()
    mean = np.array([np.pi / 2])
    anomaly = solve(mean, 0.6)[0]
    small = np.array([0.0, 0.5, 0.8])
    limit = 1 - 0.02**2 * _intensity(small, *DARKENING) / (1 - DARKENING[0] / 3 - DARKENING[1] / 6)
    return {
        "steps_mean": f"{steps.mean():.2f}",
        "steps_most": str(int(steps.max())),
        "steps_four": f"{100 * np.mean(steps <= 4):.1f}",
        "anomaly": f"{np.degrees(anomaly[0]):.2f}",
        "true_anomaly": f"{np.degrees(true_anomaly(anomaly, 0.6)[0]):.2f}",
        "speed_ratio": f"{(1 + 0.6) / (1 - 0.6):.0f}",
        "depth_uniform": f"{100 * depth[0.0, 0.0]:.3f}",
        "depth_dark": f"{100 * depth[DARKENING]:.3f}",
        "depth_grazing": f"{100 * (1 - float(flux(np.array([0.9]), RATIO)[0])):.3f}",
        "depth_inner": f"{100 * (1 - float(flux(np.array([0.3]), RATIO)[0])):.3f}",
        "small_error": f"{np.abs(flux(small, 0.02) - limit).max() * 1e6:.2f}",
        "duration_central": f"{duration(0.0):.3f}",
        "duration_fit": f"{duration(_IMPACT):.3f}",
        "duration_grazing": f"{duration(0.9):.3f}",
        "ratio": f"{ratio:.5f}",
        "error": f"{error:.5f}",
        "offset": f"{abs(ratio - RATIO) / error:.1f}",
        "chi2": f"{chi2:.1f}",
        "points": str(points),
        "freedom": str(points - 1),
        "precision": f"{100 * error / ratio:.1f}",
    }


def images() -> dict[str, bytes]:
    """Return the paper's figure files by their path in its package."""
    drawing.use_style("sans")
    return {
        "f1.png": _newton(),
        "f2a.pdf": _anomalies(),
        "f2b.pdf": _velocities(),
        "f3_impact.pdf": _impacts(),
        "f3_limb.pdf": _limbs(),
        "f4.pdf": _light_curve(),
    }


def _newton() -> bytes:
    mean, e, steps = newton_map()
    import matplotlib

    low, high = int(steps.min()), int(steps.max())
    colours = matplotlib.colormaps["YlGnBu"].resampled(high - low + 1)
    figure, (axes,) = drawing.new_figure(5.4, 3.4)
    shown = axes.pcolormesh(np.degrees(mean), e, steps, cmap=colours, vmin=low - 0.5, vmax=high + 0.5)
    axes.set(xlabel="mean anomaly $M$ (degrees)", ylabel="eccentricity $e$")
    axes.set_xticks([0, 45, 90, 135, 180])
    bar = figure.colorbar(shown, ax=axes, ticks=range(low, high + 1))
    bar.set_label("Newton steps")
    return drawing.encode(drawing.raster(figure), "PNG")


_ECCENTRICITIES = (0.0, 0.3, 0.6, 0.9)


def _anomalies() -> bytes:
    mean = np.linspace(0, 2 * np.pi, 361)
    figure, (axes,) = drawing.new_figure(3.4, 3.0)
    for e, colour in zip(_ECCENTRICITIES, drawing.COLOURS, strict=False):
        nu = true_anomaly(solve(mean, e)[0], e)
        axes.plot(np.degrees(mean), np.round(np.degrees(nu), 5), color=colour, label=f"$e = {e}$")
    axes.set(xlabel="mean anomaly $M$ (degrees)", ylabel=r"true anomaly $\nu$ (degrees)", xlim=(0, 360), ylim=(0, 360))
    axes.set_xticks([0, 90, 180, 270, 360])
    axes.set_yticks([0, 90, 180, 270, 360])
    axes.legend(loc="lower right")
    return drawing.pdf(figure)


def _velocities() -> bytes:
    mean = np.linspace(0, 4 * np.pi, 721)
    figure, (axes,) = drawing.new_figure(3.4, 3.0)
    axes.axhline(0, color=drawing.GREY, linewidth=0.7)
    for e, colour in zip(_ECCENTRICITIES[:3], drawing.COLOURS, strict=False):
        omega = np.radians(60)
        nu = true_anomaly(solve(mean, e)[0], e)
        axes.plot(mean / (2 * np.pi), np.round(np.cos(nu + omega) + e * np.cos(omega), 6), color=colour)
    axes.set(xlabel="time since periastron (periods)", ylabel="radial velocity ($K$)", xlim=(0, 2), ylim=(-1.15, 1.4))
    return drawing.pdf(figure)


def _impacts() -> bytes:
    time = np.linspace(-0.1, 0.1, 401)
    figure, (axes,) = drawing.new_figure(3.4, 2.9)
    for b, colour in zip((0.0, 0.3, 0.6, 0.9), drawing.COLOURS, strict=False):
        axes.plot(24 * time, np.round(100 * flux(separation(time, b), RATIO), 5), color=colour, label=f"$b = {b}$")
    axes.set(xlabel="time from mid-transit (h)", ylabel="relative flux (%)", xlim=(-2.4, 2.4), ylim=(98.7, 100.1))
    axes.legend(loc="upper center", ncols=2, bbox_to_anchor=(0.5, 1.18))
    return drawing.pdf(figure)


def _limbs() -> bytes:
    time = np.linspace(-0.1, 0.1, 401)
    figure, (axes,) = drawing.new_figure(3.4, 2.9)
    for (u1, u2), colour in zip(((0.0, 0.0), (0.4, 0.0), DARKENING), (drawing.GREY, *drawing.COLOURS[:2]), strict=True):
        curve = np.round(100 * flux(separation(time, _IMPACT), RATIO, (u1, u2)), 5)
        axes.plot(24 * time, curve, color=colour, label=f"$u = ({u1}, {u2})$")
    axes.set(xlabel="time from mid-transit (h)", ylabel="relative flux (%)", xlim=(-2.4, 2.4), ylim=(98.7, 100.1))
    axes.legend(loc="upper center", ncols=2, bbox_to_anchor=(0.5, 1.18), columnspacing=0.8, handlelength=1.2)
    return drawing.pdf(figure)


def _light_curve() -> bytes:
    time, observed = photometry()
    model = flux(separation(time, _IMPACT), fit()[0])
    figure, (axes, residuals) = drawing.new_figure(5.4, 3.8, rows=2)
    if (grid := axes.get_gridspec()) is not None:
        grid.set_height_ratios([3, 1])
    bins = np.arange(time.size // 8 * 8).reshape(-1, 8)
    middle, value = time[bins].mean(axis=1), observed[bins].mean(axis=1)
    axes.plot(24 * time, 100 * observed, ".", color="#b9c4d3", markersize=4)
    axes.errorbar(
        24 * middle, np.round(100 * value, 6), 100 * _NOISE / 8**0.5, fmt="o", color=drawing.BLUE, markersize=4
    )
    axes.plot(24 * time, np.round(100 * model, 6), color=drawing.RED)
    axes.set(ylabel="relative flux (%)", xlim=(-3.6, 3.6))
    axes.tick_params(labelbottom=False)
    left = 1e6 * (observed - model)
    residuals.axhline(0, color=drawing.RED, linewidth=1)
    residuals.plot(24 * time, np.round(left, 3), ".", color="#b9c4d3", markersize=4)
    residuals.plot(24 * middle, np.round(left[bins].mean(axis=1), 3), "o", color=drawing.BLUE, markersize=4)
    residuals.set(xlabel="time from mid-transit (h)", ylabel="residual (ppm)", xlim=(-3.6, 3.6), ylim=(-1500, 1500))
    return drawing.pdf(figure)
