"""The whole log of one pod, as far as it is kept."""

from compute.kubernetes.api import ClusterApi
from compute.kubernetes.clipped_log import ClippedLog
from compute.kubernetes.log_api import LogGone


class PodLog:
    """Fetched once; when that is interrupted, again, and what was had of it is not lost.

    Args:
        idle_seconds: For how long the pod may print nothing.
    """

    def __init__(self, api: ClusterApi, namespace: str, pod: str, *, idle_seconds: float) -> None:
        self.content = b""  #: empty: the cluster has none, or not any more
        self._api = api
        self._namespace = namespace
        self._pod = pod
        self._idle_seconds = idle_seconds
        self._is_whole = False

    def fetch(self) -> None:
        """Listen to the pod until it has ended, unless that was done.

        Raises:
            LauncherUnavailable: The server does not answer, or breaks off.
        """
        if self._is_whole:
            return
        clipped = ClippedLog()
        try:
            for piece in self._api.logs.stream(
                self._namespace, self._pod, idle_seconds=self._idle_seconds
            ):
                clipped.write(piece)
        except LogGone:
            pass  # then what an earlier try has got of it is all there is
        finally:
            self.content = clipped.content() or self.content
        self._is_whole = True
