"""A first suite for a version, of what is so of it."""

from governance.datasets.contracts import parse_suite
from governance.datasets.first_suite import first_expectations, suite_text
from storage.datasets.expectations import check_suite
from storage.datasets.frames import all_rows, sample_rows
from sweeps.datasets import DatasetVersion, InvalidDataset


def propose_suite(version: DatasetVersion) -> str:
    """The text of a suite's file, which the version itself meets.

    What its columns look like each by itself need not be so of all tables together: in one of them
    a column may be missing, or be words where it is numbers in another. So all that is proposed is
    checked, and what is not met is left out.

    Raises:
        InvalidDataset: It has no table, or one that cannot be read any more.
    """
    sample = sample_rows(version)
    if sample is None:
        raise InvalidDataset(f"{version} has no table of which something could be expected")
    name, columns = version.row.name, list(sample.frame.columns)
    proposed = first_expectations(
        version.profile, columns=[str(column) for column in columns], n_rows=sample.row_count
    )
    text = suite_text(proposed, name=name, version=str(version))
    results = check_suite(
        sample,
        parse_suite(text, name=name, source=str(version)),
        profile=version.profile,
        all_rows=lambda: all_rows(version, columns=columns),
    )
    met = [one for one, result in zip(proposed, results, strict=True) if result.has_passed]
    return suite_text(met, name=name, version=str(version))
