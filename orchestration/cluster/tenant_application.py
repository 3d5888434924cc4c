"""The tenant file brought into the cluster: what would change, and the changing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from compute.kubernetes.connection import connect
from compute.kubernetes.objects import KubeObject
from compute.kubernetes.tenants import applying
from compute.kubernetes.tenants.live_objects import LiveObjects
from compute.kubernetes.tenants.planning import Change, ChangeKind, Group, leftovers, plan
from orchestration.cluster.services import address_of
from orchestration.cluster.settings import ClusterSettings
from orchestration.cluster.tenant_sites import Rendering


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What is to be done."""

    groups: Sequence[Group]
    left: Sequence[KubeObject]  #: ours, and no longer asked for
    unseen: Sequence[str]  #: kinds of which nobody could look for what is left
    live: LiveObjects

    @property
    def changes(self) -> list[Change]:
        """Of all groups, in order."""
        return [change for group in self.groups for change in group.changes]

    @property
    def refused(self) -> list[Change]:
        """What cannot be done."""
        return [change for change in self.changes if change.kind is ChangeKind.REFUSED]

    @property
    def pending(self) -> int:
        """Objects that are to be applied."""
        return sum(len(group.pending()) for group in self.groups)

    @property
    def differs(self) -> bool:
        """Whether the cluster is otherwise than the file says, also by what is left."""
        same = all(change.kind is ChangeKind.SAME for change in self.changes)
        return not same or bool(self.left)

    def apply(self) -> Iterator[applying.Applied]:
        """Do it; see `applying.apply`."""
        return applying.apply(self.live, self.groups)


def look(cluster: ClusterSettings, rendering: Rendering, *, only: str | None) -> Application:
    """What the cluster has, against what was rendered. Nothing is changed.

    Args:
        only: The one tenant that was rendered; None: all of them.

    Raises:
        LauncherUnavailable: The API server does not answer, or there are no credentials.
    """
    live = LiveObjects(connect(address_of(cluster)))
    groups = [plan(live, rendering.shared, tenant=None)]
    groups += [plan(live, objects, tenant=name) for name, objects in rendering.tenants.items()]
    left, unseen = leftovers(
        live, rendering.objects, installation=cluster.installation, tenant=only
    )
    return Application(groups=groups, left=left, unseen=unseen, live=live)
