"""The options of LaTeX reading."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LatexOptions:
    """What decides how a LaTeX package is read."""

    render_tikz: bool = False
    """Draw TikZ and pgfplots figures with the TeX that is installed; else, and where it fails, they are drops."""
    tikz_timeout_s: float = 60.0
    """Seconds that TeX may take for one paper's drawings."""

    def __post_init__(self) -> None:
        """Reject what cannot be meant."""
        if self.tikz_timeout_s <= 0:
            raise ValueError(f"tikz_timeout_s={self.tikz_timeout_s!r}: a positive number is expected")
