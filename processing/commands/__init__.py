"""The commands of the command line, a file each (publish: push, verify, export). `process.py` puts them together."""
