"""Data from its files to a trial that reads it, by commands alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Installation

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("commands")]

TRAIN = """\
import os, sweepworks
run = sweepworks.init()
place = run.use_dataset("people")
rows = len((place / "people.csv").read_text().splitlines()) - 1
run.report(1, val_loss=run.params["x"] + rows)
print(os.environ["SWEEPWORKS_DATASETS"], place)
run.finish()
"""


@pytest.fixture(scope="module")
def folder(installation: Installation) -> Path:
    folder = installation.folder / "data"
    folder.mkdir()
    (folder / "people.csv").write_text(
        "mail,age\n" + "".join(f"p{n}@x,{20 + n % 50}\n" for n in range(100))
    )
    installation.environment["SWEEPWORKS_EXPECTATIONS"] = str(installation.folder / "expectations")
    return folder


@pytest.mark.slow
def test_data_is_registered_expected_of_swept_over_and_kept_from_sweeps(
    installation: Installation, folder: Path
) -> None:
    registered = installation.json("data", "register", "people", str(folder), "--step", "cleaned")
    again = installation.json("data", "register", "people", str(folder))
    assert (registered["dataset"], registered["is_new"], registered["rows"]) == (
        "people@1",
        True,
        100,
    )
    assert (again["dataset"], again["is_new"]) == ("people@1", False)

    proposed = installation.run("data", "profile", "people").splitlines()[0]
    assert Path(proposed).parent == installation.folder / "expectations"
    file = installation.write_sweep("with-data", trials=2, train=TRAIN)
    file.write_text(
        file.read_text().replace(
            "command: [python, train.py]", "command: [python, train.py], data: [people]"
        )
    )
    report = installation.json("run", str(file))  # small data is looked at by itself

    assert report["trials_by_state"] == {"completed": 2}
    assert report["datasets"] == ["people@1"]
    assert 100 <= report["best"]["objective"] <= 101
    printed = installation.run("logs", report["best"]["run"])
    assert "people@1" in printed
    shown = installation.json("data", "show", "people@1")
    assert shown["dataset"]["has_passed"] is True
    assert shown["preprocessing"][0]["name"] == "cleaned"

    (folder / "people.csv").write_text("mail,age\np@x,20\n")
    refused = installation.run("submit", str(file), code=1)
    assert "people.csv has" in refused
    assert "Traceback" not in refused


@pytest.mark.slow
def test_versions_are_compared_and_minimised(installation: Installation, folder: Path) -> None:
    young = folder.parent / "young.csv"
    young.write_text("age\n" + "".join(f"{20 + n % 10}\n" for n in range(400)))
    old = folder.parent / "old.csv"
    old.write_text("age\n" + "".join(f"{60 + n % 10}\n" for n in range(400)))
    for file in (young, old):
        installation.run("data", "register", "ages", str(file))

    page = folder.parent / "drift.html"
    drifted = installation.run("data", "drift", "ages@1", "ages@2", "--plot", str(page), code=1)
    installation.run("data", "drift", "ages@1", "ages@1")
    made = installation.json(
        "data", "minimise", "ages@2", "--bucket", "age=10", "-o", str(folder.parent / "less")
    )
    shown = installation.json("data", "show", made["dataset"])
    said = installation.json("data", "register", "ages", str(old), "--parent", "ages@1")
    again = installation.json("data", "register", "ages", str(old), "--parent", "ages@1")
    circle = installation.run("data", "register", "ages", str(young), "--parent", "ages@2", code=1)

    assert (said["is_new"], said["added_parents"], again["added_parents"]) == (
        False,
        ["ages@1"],
        [],
    )
    assert installation.json("data", "show", "ages@2")["parents"] == ["ages@1"]
    assert "cannot have been made from ages@2, which was made from it" in circle
    assert "large" in drifted
    assert "plotly" in page.read_text()
    assert made["dataset"] == "ages-minimised@1"
    assert (shown["dataset"]["variant"], shown["parents"]) == ("minimised", ["ages@2"])
    assert shown["statistics"]["columns"][0]["max"] == 60.0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["data", "register", "Bad", "."], "cannot be the name"),
        (["data", "register", "good", "/nowhere"], "is not there"),
        (["data", "show", "nobody"], "there is no dataset"),
        (["data", "check", "nobody@3"], "there is no dataset"),
        (["data", "drift", "a@x", "b"], "names no dataset"),
    ],
)
def test_mistakes_are_one_sentence(
    installation: Installation, arguments: list[str], said: str
) -> None:
    output = installation.run(*arguments, code=1)

    assert said in output
    assert "Traceback" not in output


def test_help_imports_nothing_heavy(installation: Installation) -> None:
    code = (
        "import sys; sys.argv = ['sweepworks', 'data', '--help']\n"
        "from orchestration.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "assert not {'pandas', 'dagster', 'great_expectations'} & set(sys.modules)"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, env=installation.environment, cwd=Path.cwd()
    )
