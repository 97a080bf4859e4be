"""Papers -> figure-text pairs: where papers come from, how they are read, and the Parquet that comes out."""

import os

# PyMuPDF loads onnxruntime for its layout model, and that would write an identifier of this machine into the home
# folder and report its use to its maker; it looks at this variable when it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
