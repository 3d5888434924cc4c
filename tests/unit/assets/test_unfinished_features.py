"""What Dagster says of its features while they are imported, whoever else imports meanwhile."""

import threading
import warnings

import dagster as dg
import pytest

from assets.unfinished_features import unfinished_features

WAIT_SECONDS = 10.0


def test_two_threads_do_not_take_each_other_s_filters_away() -> None:
    """One is through while the other is in the middle: with a list of filters for each there were
    warnings of the latter, and filters that stayed for ever."""
    before = list(warnings.filters)
    first_is_in, second_is_through = threading.Event(), threading.Event()

    def second() -> None:
        first_is_in.wait(WAIT_SECONDS)
        with unfinished_features():
            pass
        second_is_through.set()

    other = threading.Thread(target=second)
    other.start()
    with unfinished_features():
        first_is_in.set()
        is_through = second_is_through.wait(0.2)
        warnings.warn("a preview", dg.PreviewWarning, stacklevel=1)
        warnings.warn("a beta", dg.BetaWarning, stacklevel=1)
    other.join(WAIT_SECONDS)

    assert not is_through
    assert second_is_through.is_set()
    assert list(warnings.filters) == before


def test_other_warnings_are_told() -> None:
    with pytest.warns(UserWarning, match="yours"), unfinished_features():
        warnings.warn("yours", UserWarning, stacklevel=1)
