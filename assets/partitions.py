"""Partitions: one key a sweep, added when it is submitted."""

import dagster as dg

SWEEPS = dg.DynamicPartitionsDefinition(name="sweeps")
