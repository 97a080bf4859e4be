#!/bin/sh
# Set up .venv and run everything that a change must pass: lint, format, types, tests.
# Arguments go to pytest:  sh tests/run.sh -k latex     (two files of tests run at a time)
set -eu
cd "$(dirname "$0")/.."
[ -x .venv/bin/python ] || "${PYTHON:-python3}" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/python tests/typecheck.py
exec .venv/bin/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations 20 "$@"
