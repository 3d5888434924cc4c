"""Storage pools: what a tenant file says of them, when it is peak, and who has to be near."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.cluster.pool_notes import pool_notes
from governance.cluster.pools import Nearness, Peak, StoragePool, place, pools_near
from governance.name_patterns import NamePattern
from governance.tenants import parse_tenants
from sweeps.errors import HeldBack, InvalidSweepFile, Problem
from sweeps.specs import PodOptions, TrialSpec, VolumeMount
from tests.factories import a_spec

FILE = """\
cluster:
  pools:
    ssd-west:
      nodes: {topology.kubernetes.io/zone: west-1a}
      datasets: [imagenet, "laion-.*"]
      volume: "imagenet-ro:/data/imagenet"
      peak: {days: mon-fri, hours: "08:00-18:00", zone: Europe/Zurich, max_outside: 2}
    archive:
      nodes: {disk: hdd}
      datasets: [".*"]
tenants:
  - name: vision
    cluster: {pools: [ssd-west, archive]}
  - name: speech
    cluster: {}
"""
MONDAY_NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
SUNDAY_NOON = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)


def problems_of(text: str) -> tuple[Problem, ...]:
    with pytest.raises(InvalidSweepFile) as caught:
        parse_tenants(text, source="tenants.yaml")
    return caught.value.problems


def pool(
    name: str = "ssd-west", *, zone: str = "west-1a", max_outside: int | None = 0
) -> StoragePool:
    """One with a peak on weekdays from 8 to 18, UTC, or with none."""
    peak = Peak(days=(0, 1, 2, 3, 4), begins=8 * 60, ends=18 * 60, max_outside=max_outside or 0)
    return StoragePool(
        name=name,
        nodes={"zone": zone},
        datasets=(NamePattern(name), NamePattern("shared")),
        peak=None if max_outside is None else peak,
    )


def test_a_tenant_has_the_pools_that_its_section_names() -> None:
    directory = parse_tenants(FILE, source="x")

    pods = directory.cluster.pods_of(directory.require("vision").cluster)
    west, archive = pods.pools
    assert west == StoragePool(
        name="ssd-west",
        nodes={"topology.kubernetes.io/zone": "west-1a"},
        datasets=(NamePattern("imagenet"), NamePattern("laion-.*")),
        volume=VolumeMount(claim="imagenet-ro", path="/data/imagenet", is_read_only=True),
        peak=Peak(days=(0, 1, 2, 3, 4), begins=480, ends=1080, zone="Europe/Zurich", max_outside=2),
    )
    assert (archive.name, archive.volume, archive.peak) == ("archive", None, None)


@pytest.mark.parametrize("name", ["speech", "default"])
def test_without_naming_any_a_tenant_has_none(name: str) -> None:
    directory = parse_tenants(FILE, source="x")

    assert directory.cluster.pods_of(directory.require(name).cluster).pools == ()


BAD = """\
cluster:
  pools:
    West: {nodes: {a: b}, datasets: [x]}
    none: {nodes: {}, datasets: []}
    glob: {nodes: {a: b}, datasets: ["laion-*", "("]}
    when:
      nodes: {a: b}
      datasets: [x]
      peak: {days: mon-fry, hours: "8-18", zone: Mars/Olympus, max_outside: -1}
    never: {nodes: {a: b}, datasets: [x], peak: {hours: "08:00-08:00"}}
    nowhere: {nodes: {a: b}, datasets: [x], volume: "claim:data"}
tenants:
  - name: vision
    cluster: {pools: [east]}
"""


def test_all_that_is_wrong_with_pools_is_said_at_once_with_its_line() -> None:
    problems = problems_of(BAD)

    assert [(one.line, one.path.removeprefix("cluster.pools.")) for one in problems] == [
        (3, "West"),
        (4, "none.nodes"),
        (4, "none.datasets"),
        (5, "glob.datasets[0]"),
        (5, "glob.datasets[1]"),
        (9, "when.peak.days"),
        (9, "when.peak.hours"),
        (9, "when.peak.zone"),
        (9, "when.peak.max_outside"),
        (10, "never.peak.hours"),
        (11, "nowhere.volume"),
    ]
    (glob,) = [one for one in problems if one.path.endswith("glob.datasets[0]")]
    assert glob.hint == "write 'laion-.*'"


TWO = """\
cluster:
  pools:
    one: {nodes: {a: b}, datasets: [x], volume: "first:/data"}
    two: {nodes: {a: b}, datasets: [x], volume: "second:/data"}
tenants: [{name: vision}]
"""


@pytest.mark.parametrize("again", ["/data", "/data/", "//data", "/other/../data/."])
def test_two_pools_are_not_mounted_at_one_place(again: str) -> None:
    (problem,) = problems_of(TWO.replace("second:/data", f"second:{again}"))

    assert (problem.path, problem.line) == ("cluster.pools.two.volume", 4)
    assert "pool 'one'" in problem.message


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/sweepworks", "/sweepworks"),
        ("/sweepworks/", "/sweepworks"),
        ("/sweepworks/spool", "/sweepworks"),
        ("/dev/shm", "/dev/shm"),
        ("/dev", "/dev/shm"),
        ("/data/..", "/sweepworks"),
    ],
)
def test_a_pool_takes_no_place_that_trials_have_for_themselves(path: str, place: str) -> None:
    (problem,) = problems_of(TWO.replace("second:/data", f"second:{path}"))

    assert (problem.path, problem.line) == ("cluster.pools.two.volume", 4)
    assert problem.message.endswith(f"{place}, which every trial has for itself")


def test_a_pool_may_be_beside_them() -> None:
    beside = TWO.replace("first:/data", "first:/sweepworks-data").replace(
        "second:/data", "second:/dev/shm2"
    )

    assert parse_tenants(beside, source="x").cluster.pools.keys() == {"one", "two"}


def test_a_tenant_names_only_pools_that_there_are_and_whose_claims_it_allows() -> None:
    text = FILE.replace(
        "pools: [ssd-west, archive]", "pools: [ssd-east, ssd-west], pods: {volumes: []}"
    )

    unknown, claim = problems_of(text)

    assert unknown.path == "tenants[0].cluster.pools[0]"
    assert unknown.hint.startswith("known: archive, ssd-west; or declare it")
    assert claim.path == "tenants[0].cluster.pools[1]"
    assert "persistentVolumeClaim" in claim.hint


@pytest.mark.parametrize(
    ("written", "days"),
    [
        ("sat", (5,)),
        ("fri-mon", (0, 4, 5, 6)),
        ("mon,wed-thu", (0, 2, 3)),
        ("mon-sun", (*range(7),)),
    ],
)
def test_days_go_over_the_end_of_the_week(written: str, days: tuple[int, ...]) -> None:
    west = parse_tenants(FILE.replace("mon-fri", f"'{written}'"), source="x").cluster.pools[
        "ssd-west"
    ]

    assert west.peak is not None
    assert west.peak.days == days


def test_it_is_peak_by_the_clock_on_the_wall_in_summer_as_in_winter() -> None:
    peak = Peak(days=(0,), begins=8 * 60, ends=18 * 60, zone="Europe/Zurich")
    summer, winter = dt.datetime(2026, 7, 6, tzinfo=dt.UTC), dt.datetime(2026, 1, 5, tzinfo=dt.UTC)

    hours = [
        [hour for hour in range(24) if peak.covers(monday + dt.timedelta(hours=hour))]
        for monday in (summer, winter)
    ]

    assert hours == [[*range(6, 16)], [*range(7, 17)]]


def minutes_of_peak(peak: Peak, *, first: dt.datetime, days: int) -> int:
    return sum(peak.covers(first + dt.timedelta(minutes=n)) for n in range(days * 24 * 60))


@pytest.mark.parametrize(
    ("midnight", "minutes"),
    [
        (dt.datetime(2026, 3, 28, 23, tzinfo=dt.UTC), 60),  # the clock goes from 2 to 3
        (dt.datetime(2026, 10, 24, 22, tzinfo=dt.UTC), 180),  # and from 3 back to 2
        (dt.datetime(2026, 11, 7, 23, tzinfo=dt.UTC), 120),
    ],
)
def test_an_hour_that_comes_twice_is_peak_twice_and_one_that_is_left_out_never(
    midnight: dt.datetime, minutes: int
) -> None:
    peak = Peak(days=(6,), begins=60 + 60, ends=4 * 60, zone="Europe/Zurich")

    assert minutes_of_peak(peak, first=midnight, days=1) == minutes


@given(
    days=st.sets(st.integers(0, 6), min_size=1),
    begins=st.integers(0, 1439),
    ends=st.integers(1, 1440),
    zone=st.sampled_from(["UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Apia"]),
)
def test_a_week_has_as_much_peak_as_its_days_and_hours_say(
    days: set[int], begins: int, ends: int, zone: str
) -> None:
    if begins == ends:
        ends += 1
    peak = Peak(days=tuple(sorted(days)), begins=begins, ends=ends, zone=zone)
    length = ends - begins if begins < ends else 1440 - begins + ends
    first = dt.datetime(2026, 2, 2, tzinfo=dt.UTC)  # nowhere there does the clock change that week

    assert minutes_of_peak(peak, first=first, days=7) == len(days) * length


def test_over_midnight_the_hours_belong_to_the_day_that_they_begin_on() -> None:
    peak = Peak(days=(4,), begins=22 * 60, ends=6 * 60)
    friday = dt.datetime(2026, 11, 27, tzinfo=dt.UTC)

    covered = [n for n in range(48) if peak.covers(friday + dt.timedelta(hours=n))]

    assert covered == [*range(22, 30)]


def test_a_dataset_is_in_the_first_pool_of_the_tenant_that_has_it() -> None:
    west, east = pool("west"), pool("east")

    near = pools_near(["other", "east", "shared", "west"], [west, east])

    assert [(one.pool.name, one.datasets) for one in near] == [
        ("east", ("east",)), ("west", ("shared", "west")),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("now", "outside", "decided"),
    [
        (SUNDAY_NOON, 9, Nearness.PREFERRED),
        (MONDAY_NOON, 1, Nearness.PREFERRED),
        (MONDAY_NOON, 2, Nearness.REQUIRED),
        (MONDAY_NOON, 9, Nearness.REQUIRED),  # of before the peak
    ],
)
def test_at_peak_those_beyond_a_few_have_to_be_near(
    now: dt.datetime, outside: int, decided: Nearness
) -> None:
    placed = place([pool(max_outside=2)], outside={"ssd-west": outside}, bound={}, now=now)

    assert placed == {"ssd-west": decided}


def test_a_pool_without_peak_holds_nobody_back() -> None:
    placed = place([pool(max_outside=None)], outside={"ssd-west": 99}, bound={}, now=MONDAY_NOON)

    assert placed == {"ssd-west": Nearness.PREFERRED}


def test_two_pools_that_a_node_can_be_near_are_both_required() -> None:
    here, there = pool("here"), pool("there")

    placed = place([here, there], outside={}, bound={}, now=MONDAY_NOON)

    assert placed == {"here": Nearness.REQUIRED, "there": Nearness.REQUIRED}


@pytest.mark.parametrize(
    ("pools", "bound", "besides"),
    [
        ([pool("west"), pool("east", zone="east-1a")], {}, "storage pool west"),
        ([pool("east")], {"zone": "north"}, "what its sweep asks for"),
    ],
)
def test_who_cannot_be_near_waits_for_the_end_of_the_peak(
    pools: list[StoragePool], bound: Mapping[str, str], besides: str
) -> None:
    with pytest.raises(HeldBack, match=f"storage pool east to be over .*fits {besides}"):
        place(pools, outside={}, bound=bound, now=MONDAY_NOON)

    assert set(place(pools, outside={}, bound=bound, now=SUNDAY_NOON).values()) == {
        Nearness.PREFERRED
    }


def test_who_cannot_be_near_both_goes_where_there_is_room_outside_of_one() -> None:
    west, east = pool("west", max_outside=1), pool("east", zone="east-1a")

    placed = place([west, east], outside={"west": 0}, bound={}, now=MONDAY_NOON)

    assert placed == {"west": Nearness.PREFERRED, "east": Nearness.REQUIRED}
    with pytest.raises(HeldBack):
        place([west, east], outside={"west": 1}, bound={}, now=MONDAY_NOON)


@dataclass
class World:
    """Live attempts by what was decided about them."""

    live: list[Mapping[str, Nearness]] = field(default_factory=list)

    def outside(self) -> dict[str, int]:
        names = [n for placed in self.live for n, word in placed.items() if word == "preferred"]
        return {name: names.count(name) for name in names}


zones = st.sampled_from(["UTC", "Europe/Zurich", "America/New_York", "Australia/Lord_Howe"])
peaks = st.builds(
    lambda days, begins, length, zone, most: Peak(
        days=tuple(sorted(days)),
        begins=begins,
        ends=(begins + length - 1) % 1440 + 1,
        zone=zone,
        max_outside=most,
    ),
    st.sets(st.integers(0, 6), min_size=1),
    st.integers(0, 1439),
    st.integers(1, 1439),
    zones,
    st.integers(0, 3),
)
pools_of_a_world = st.lists(
    st.tuples(st.none() | peaks, st.sampled_from(["a", "b"])), min_size=1, max_size=3
).map(
    lambda drawn: [
        StoragePool(name=f"p{n}", nodes={"zone": zone}, datasets=(), peak=peak)
        for n, (peak, zone) in enumerate(drawn)
    ]
)
#: Minutes until something happens, what, and to whom.
events = st.lists(
    st.tuples(
        st.integers(0, 500), st.booleans(), st.integers(0, 20), st.sampled_from(["", "a", "b"])
    ),
    max_size=60,
)


@given(
    pools=pools_of_a_world,
    events=events,
    # Around changes of clocks in any of these zones, where days have 23, 23.5, 24.5 and 25 hours.
    begins=st.sampled_from(["2026-03-07", "2026-03-28", "2026-04-04", "2026-10-03", "2026-10-24"]),
)
def test_whatever_happens_nobody_is_launched_outside_at_peak_beyond_the_bound(
    pools: list[StoragePool],
    events: list[tuple[int, bool, int, str]],
    begins: str,
) -> None:
    world, now = World(), dt.datetime.fromisoformat(f"{begins}T00:00:00+00:00")
    for minutes, is_launch, which, bound in events:
        now += dt.timedelta(minutes=minutes)
        if not is_launch:
            if world.live:
                world.live.pop(which % len(world.live))
            continue
        used = pools[which % len(pools) :]
        counted = {one.name for one in pools if one.is_counted(now=now)}
        outside = {name: n for name, n in world.outside().items() if name in counted}
        labels = {"zone": bound} if bound else {}
        try:
            placed = place(used, outside=outside, bound=labels, now=now)
        except HeldBack:
            continue
        before = world.outside()
        world.live.append(placed)
        required = [one.nodes["zone"] for one in used if placed[one.name] is Nearness.REQUIRED]
        assert len({*required, *labels.values()} if required else ()) <= 1, "one node fits them all"
        for one in used:
            peak = one.peak
            is_more = world.outside().get(one.name, 0) > before.get(one.name, 0)
            if is_more and peak is not None and peak.covers(now):
                assert world.outside()[one.name] <= peak.max_outside


def test_who_submits_is_told_where_the_data_are() -> None:
    spec = a_spec(trial=TrialSpec(command=("x",), data=("west@3", "other")))

    (note,) = pool_notes(spec, [pool("west", max_outside=2)])
    assert note == (
        "west is in storage pool west: trials run on nodes near it where there is room, "
        "mon-fri 08:00-18:00 UTC only there, but for 2"
    )
    assert pool_notes(spec, [pool("east")]) == []


def test_who_submits_is_told_what_cannot_be_near() -> None:
    pods = PodOptions(node_selector={"zone": "north"})
    spec = a_spec(trial=TrialSpec(command=("x",), data=("west", "east"), pods=pods))

    notes = pool_notes(spec, [pool("west", max_outside=2), pool("east", zone="east-1a")])

    _, _, of_west, of_east, of_both = notes
    assert of_west == (
        "no node that trial.kubernetes.node_selector asks for is near storage pool west: "
        "mon-fri 08:00-18:00 UTC trials wait until that is over, or for one of 2 places outside of west"
    )
    assert of_east.endswith(
        "near storage pool east: mon-fri 08:00-18:00 UTC trials wait until that is over"
    )
    assert of_both == (
        "no node is near both storage pools west and east: while it is peak of both, trials wait "
        "until that is over, or for one of 2 places outside of west"
    )
