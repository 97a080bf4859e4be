"""Figures, captions and citing paragraphs out of LaTeX sources: `read_latex`."""

from s1_mmalign.builder.formats.latex.options import LatexOptions
from s1_mmalign.builder.formats.latex.reader import read_latex

__all__ = ["LatexOptions", "read_latex"]
