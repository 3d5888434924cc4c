"""Whether runs know a holdout, by what they and others have recorded."""

import hashlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.artifacts.folder import ArtifactFolder
from storage.database import Pool
from storage.datasets.catalog import DatasetCatalog
from storage.promotion.candidate_facts import CandidateFacts
from sweeps.datasets import DatasetReference, FileEntry
from sweeps.ids import RunId
from sweeps.lineage import Node, name_of
from tests.integration.storage.data_world import a_draft
from tests.integration.storage.lineage_world import TENANT, LineageWorld
from tests.unit.governance.promotion.leak_worlds import (
    CONTENTS,
    LeakWorld,
    Version,
    a_world,
    everything_related,
    worlds,
)

HOLDOUT = Node("dataset:h@1")


class Rows(LineageWorld):
    """Versions of datasets as they are registered, and one run for each thing that can be used."""

    def __init__(self, pool: Pool, folder: Path, world: LeakWorld) -> None:
        super().__init__(pool, ArtifactFolder(folder))
        self.used: dict[RunId, Node] = {}
        for version in world.versions:
            self.register(version)

    def register(self, version: Version) -> None:
        draft = a_draft(
            name=version.name,
            parents=tuple(DatasetReference.parse(name_of(one)) for one in sorted(version.parents)),
            # By their paths they are versions of their own, whatever contents they share.
            files=tuple(
                FileEntry(
                    path=f"{version.number}/{content or 'empty'}",
                    size_bytes=len(content),
                    sha256=hashlib.sha256(content.encode()).hexdigest(),
                )
                for content in sorted(version.files) or [""]
            ),
        )
        found = DatasetCatalog(self.pool).register(draft, tenant_id=TENANT)
        assert str(found.version) == name_of(version.node)

    def user_of(self, thing: Node) -> RunId:
        """A run of the candidate's experiment that has used it."""
        run = self.run()
        if thing.startswith("dataset:"):
            name, _, number = name_of(thing).partition("@")
            self.use(run, name, int(number))
        else:
            self.rows(
                "INSERT INTO lineage_edges (tenant_id, upstream, downstream) VALUES (%s, %s, %s)",
                TENANT, thing, f"run:{run}",
            )  # fmt: skip
        self.used[run] = thing
        return run

    def file_of(self, content: str) -> Node:
        """An artifact with the bytes of a file."""
        run = self.run()
        return Node(f"artifact:{run}/{self.artifact(run, 'part.csv', content.encode()).name}")

    def told(self, holdout: Node = HOLDOUT) -> dict[Node, str]:
        """What some run of the experiment should not have used, with how that is told."""
        candidates = CandidateFacts(self.pool)
        candidate = candidates.candidate(next(iter(self.used)), tenant_id=TENANT)
        look = candidates.look_for_holdout(candidate, holdout=name_of(holdout))
        assert not look.is_cut
        assert all(leak.path[0] == self.used[RunId(name_of(leak.run))] for leak in look.leaks.told)
        return {leak.path[0]: str(leak) for leak in look.leaks.told}


@pytest.mark.parametrize(
    ("versions", "used", "told"),
    [
        ([("h@1", "", "h"), ("t@1", "", "h"), ("s@1", "t@1", "s")], "s@1",
         "dataset:s@1 -> run:{run} (s@1 was made from t@1, which has files of the holdout)"),
        ([("raw@1", "", "r"), ("h@1", "raw@1", "h"), ("t@1", "", "r")], "t@1",
         "dataset:t@1 -> run:{run} (t@1 has files of raw@1, which is what the holdout was made from)"),
        ([("h@1", "", "h"), ("h@2", "", "hi")], "h@2",
         "dataset:h@2 -> run:{run} (h@2 is another version of the holdout h@1)"),
    ],
)  # fmt: skip
def test_a_hop_over_equal_files_is_told(
    pool: Pool, tmp_path: Path, versions: list[tuple[str, str, str]], used: str, told: str
) -> None:
    rows = Rows(pool, tmp_path, a_world(*versions))
    thing = Node(f"dataset:{used}")
    run = rows.user_of(thing)

    assert rows.told() == {thing: told.format(run=run)}


def test_an_artifact_with_the_bytes_of_a_file_of_the_holdout_is_told(
    pool: Pool, tmp_path: Path
) -> None:
    rows = Rows(pool, tmp_path, a_world(("h@1", "", "h"), ("t@1", "", "t")))
    file, other = rows.file_of("h"), rows.file_of("t")
    run = rows.user_of(file)
    rows.user_of(other)

    assert rows.told() == {file: f"{file} -> run:{run} ({name_of(file)} is a file of the holdout)"}


def test_another_part_of_the_same_origin_may_be_learnt_from(pool: Pool, tmp_path: Path) -> None:
    world = a_world(("raw@1", "", "ht"), ("h@1", "raw@1", "h"), ("t@1", "raw@1", "t"))
    rows = Rows(pool, tmp_path, world)
    rows.user_of(Node("dataset:t@1"))
    rows.user_of(rows.file_of("t"))

    assert rows.told() == {}


def test_files_of_other_tenants_say_nothing(pool: Pool, tmp_path: Path) -> None:
    rows = Rows(pool, tmp_path, a_world(("h@1", "", "h"), ("t@1", "", "h"), ("s@1", "t@1", "s")))
    rows.user_of(Node("dataset:s@1"))
    rows.rows("INSERT INTO tenants (tenant_id) VALUES ('vision')")
    rows.rows("UPDATE datasets SET tenant_id = 'vision' WHERE name = 't'")

    assert rows.told() == {}


def check(pool: Pool, world: LeakWorld, holdout: Node) -> None:
    rows_of = "runs, datasets, dataset_versions, lineage_edges, blobs, api_tokens"
    with pool.connection() as connection, tempfile.TemporaryDirectory() as folder:
        connection.execute(f"TRUNCATE {rows_of} CASCADE")  # pyright: ignore[reportArgumentType]  a literal
        connection.commit()
        rows = Rows(pool, Path(folder), world)
        file_by_content = {content: rows.file_of(content) for content in CONTENTS}
        for thing in [*world.files, *file_by_content.values()]:
            rows.user_of(thing)

        versions, contents = everything_related(world, holdout)
        assert rows.told(holdout).keys() == {
            holdout, *versions, *(file_by_content[one] for one in contents)
        }  # fmt: skip


_SLOW_DATABASE = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@settings(_SLOW_DATABASE, max_examples=25)
@given(world=worlds(), data=st.data())
def test_whatever_was_made_from_what_runs_that_know_it_are_found(
    pool: Pool, world: LeakWorld, data: st.DataObject
) -> None:
    check(pool, world, data.draw(st.sampled_from(sorted(world.files))))


@pytest.mark.slow
@pytest.mark.timeout(900)
@settings(_SLOW_DATABASE, max_examples=150)
@given(world=worlds(), data=st.data())
def test_whatever_was_made_from_what_runs_that_know_it_are_found_in_many_worlds(
    pool: Pool, world: LeakWorld, data: st.DataObject
) -> None:
    check(pool, world, data.draw(st.sampled_from(sorted(world.files))))
