from pathlib import Path

import pytest

from compute.commands import attempt_environment, missing_script, resolve_command


def test_names_of_files_beside_the_sweep_file_become_absolute() -> None:
    files = {Path("/src/train.py"), Path("/src/--odd")}

    resolved = resolve_command(
        ["python", "train.py", "--odd", "other.py"], source_dir="/src", is_file=files.__contains__
    )

    assert resolved == ["python", "/src/train.py", "--odd", "other.py"]


def test_without_a_folder_the_command_stays_as_it_is() -> None:
    assert resolve_command(["a"], source_dir="", is_file=lambda _: True) == ["a"]


def test_the_trials_own_variables_win_and_ours_stay_out() -> None:
    made = attempt_environment(
        {
            "PATH": "/bin",
            "HOME": "/h",
            "PGPASSWORD": "x",
            "DAGSTER_HOME": "x",
            "SWEEPWORKS_TOKEN": "x",
        },
        {"HOME": "/mine", "SWEEPWORKS_RUN_ID": "r"},
        source_dir="/src",
        interpreter=Path("/env/bin/python"),
    )

    assert made == {
        "PATH": "/env/bin:/bin",
        "PYTHONUNBUFFERED": "1",
        "HOME": "/mine",
        "SWEEPWORKS_RUN_ID": "r",
        "SWEEPWORKS_SOURCE_DIR": "/src",
    }


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        (["python", "train.py"], "train.py"),
        (["/env/bin/python3.12", "-u", "src/train.py", "--x"], "src/train.py"),
        (["bash", "train.sh"], "train.sh"),
        (["python", "there.py"], ""),
        (["python", "-m", "package", "train.py"], ""),
        (["python", "-c", "pass", "train.py"], ""),
        (["python", "-W", "ignore", "train.py"], ""),
        (["make", "train.py"], ""),
        (["python"], ""),
        ([], ""),
    ],
)
def test_a_script_that_is_not_there_is_named(command: list[str], missing: str) -> None:
    said = missing_script(
        command, source_dir="/src", is_file=lambda path: path == Path("/src/there.py")
    )

    assert said == (f"{missing}: there is no such file in /src" if missing else "")
