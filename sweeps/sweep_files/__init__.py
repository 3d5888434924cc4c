"""Sweep files: text to a `SweepSpec`, or to everything that is wrong with it."""

from sweeps.sweep_files.sizes import MAX_GRID, warnings
from sweeps.sweep_files.sweep_file import json_schema, key_lines, parse_document, parse_text

__all__ = ["MAX_GRID", "json_schema", "key_lines", "parse_document", "parse_text", "warnings"]
