"""What the command line costs before it does anything."""

import subprocess
import sys

HEAVY = ("torch", "pymupdf", "vllm", "transformers", "matplotlib", "ray", "evaluate", "onnxruntime")


def test_the_command_line_starts_without_the_libraries_that_only_some_commands_need():
    """Each of them takes seconds to import; a restart of a finished run is over before that."""
    code = f"import sys, s1_mmalign.processing.process; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
