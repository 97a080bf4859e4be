"""What PyMuPDF raises on broken content, from its own layer and from the C library.

Each page is an isolation boundary: where one of these is caught, that page counts as blank and the paper goes on.
"""

import pymupdf

MUPDF_ERRORS: tuple[type[Exception], ...] = (RuntimeError, ValueError, pymupdf.mupdf.FzErrorBase)
