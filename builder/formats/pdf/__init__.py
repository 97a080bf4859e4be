"""PDF papers: figures by text and drawing, with the layout model as a witness where they do not suffice."""

from s1_mmalign.builder.formats.pdf.options import PdfOptions
from s1_mmalign.builder.formats.pdf.reader import read_pdf

__all__ = ["PdfOptions", "read_pdf"]
