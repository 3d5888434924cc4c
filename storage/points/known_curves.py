"""Curves that are known to have their rows, so that a usual flush asks the database for none."""

from collections.abc import Iterable, Sequence

from storage.points.points import Curves, Int64s, digest

_MOST = 500_000  # single curves in each of two generations; some 60 MB each
_MOST_TOGETHER = 8_000_000  # identifiers of curves that came together, as well; 64 MB each
_ENTRY = 32  # of them an entry of its own takes


class KnownCurves:
    """Remembers single curves, and whole flushes' worth: those cost no look at every curve."""

    def __init__(self) -> None:
        self._curves: set[bytes] = set()
        self._curves_before: set[bytes] = set()
        self._together: dict[bytes, Int64s] = {}
        self._together_before: dict[bytes, Int64s] = {}
        self._n_together = 0

    def __len__(self) -> int:
        return len(self._curves) + len(self._curves_before)

    def __contains__(self, fingerprint: bytes) -> bool:
        return fingerprint in self._curves or fingerprint in self._curves_before

    def recall(self, run_id: str, keys: Sequence[str], system_keys: Sequence[str] = ()) -> Curves:
        """The curves of a flush; without fingerprints when these came together before."""
        mark = digest(run_id, keys, system_keys)
        series_ids = self._together.get(mark)
        if series_ids is None and (series_ids := self._together_before.get(mark)) is not None:
            self._keep_together(mark, series_ids)
        if series_ids is None:
            return Curves.of(run_id, keys, system_keys)
        return Curves(
            run_id=run_id,
            keys=keys,
            system_keys=system_keys,
            digest=mark,
            series_ids=series_ids,
        )

    def remember(self, batch: Iterable[Curves]) -> None:
        """Note, after the commit, that these have their rows."""
        for curves in batch:
            if curves.fingerprints:
                self._curves.update(curves.fingerprints)
                self._keep_together(curves.digest, curves.series_ids)
        # Two generations: what is in use moves to the new one, the rest goes with the old.
        if len(self._curves) > _MOST:
            self._curves_before, self._curves = self._curves, set()

    def _keep_together(self, mark: bytes, series_ids: Int64s) -> None:
        self._together[mark] = series_ids
        self._n_together += _ENTRY + len(series_ids)
        if self._n_together > _MOST_TOGETHER:
            self._together_before, self._together = self._together, {}
            self._n_together = 0
