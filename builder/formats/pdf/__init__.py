"""PDF papers: figures by text and drawing, with the layout model as a witness where they do not suffice."""

from typing import TYPE_CHECKING, Any

from s1_mmalign.builder.formats.pdf.options import PdfOptions

if TYPE_CHECKING:
    from s1_mmalign.builder.formats.pdf.reader import read_pdf

__all__ = ["PdfOptions", "read_pdf"]


def __getattr__(name: str) -> Any:
    """Import the reader, and with it a PDF engine and a layout model, for who reads: options alone need neither."""
    if name == "read_pdf":
        from s1_mmalign.builder.formats.pdf.reader import read_pdf

        return read_pdf
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
