"""Partitions: one key a sweep, added when it is submitted; one a day of metric points."""

import dagster as dg

SWEEPS = dg.DynamicPartitionsDefinition(name="sweeps")

#: Up to the present day. Older points are kept and rolled up like others; only their days have no
#: square in the UI.
DAYS = dg.DailyPartitionsDefinition(start_date="2025-01-01", timezone="UTC", end_offset=1)
