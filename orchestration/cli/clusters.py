"""Commands that make no sense without a cluster."""

import click

from orchestration.cluster.settings import ClusterSettings
from orchestration.settings import Settings


def required_cluster(settings: Settings) -> ClusterSettings:
    """The cluster that trials run in; refuses when there is none."""
    if settings.cluster is None:
        raise click.UsageError("trials run on this machine; set SWEEPWORKS_LAUNCHER=kubernetes")
    return settings.cluster
