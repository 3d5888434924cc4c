"""Paths of one work tree in another one."""

from pathlib import Path

import pytest

from sweeps.relocation import interpreters_within, relocated, relocated_command, relocated_variables

TREE = Path("/tree")


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("/old/repo", "/tree"),
        ("/old/repo/train.py", "/tree/train.py"),
        ("--data=/old/repo/data", "--data=/tree/data"),
        ("cd /old/repo && python '/old/repo/x.py'", "cd /tree && python '/tree/x.py'"),
        ("/old/repo:/elsewhere:/old/repo/src", "/tree:/elsewhere:/tree/src"),
        ("/old/repository/x", "/old/repository/x"),
        ("/old/repo-2/x", "/old/repo-2/x"),
        ("/very/old/repo/x", "/very/old/repo/x"),
        ("relative/old/repo", "relative/old/repo"),
        ("", ""),
    ],
)
def test_only_paths_of_the_old_tree_are_moved(text: str, moved: str) -> None:
    assert relocated(text, roots=["/old/repo"], tree=TREE) == moved


@pytest.mark.parametrize("root", ["", "/", "repo"])
def test_without_an_old_tree_nothing_is_moved(root: str) -> None:
    assert relocated("/repo/x", roots=[root], tree=TREE) == "/repo/x"


def test_a_new_tree_within_the_old_one_is_not_moved_again() -> None:
    roots = ["/repo", "/repo/.sweepworks/one"]
    tree = Path("/repo/.sweepworks/two")

    assert relocated("/repo/a.py", roots=roots, tree=tree) == "/repo/.sweepworks/two/a.py"
    assert relocated("/repo/.sweepworks/one/a", roots=roots, tree=tree) == f"{tree}/a"


def test_an_interpreter_by_its_path_is_the_chosen_one() -> None:
    words = ("/old/repo/.venv/bin/python3.12", "/old/repo/train.py", "--x=1")

    moved = relocated_command(words, roots=["/old/repo"], tree=TREE, python=Path("/env/bin/python"))

    assert moved == ("/env/bin/python", "/tree/train.py", "--x=1")


def test_an_interpreter_behind_another_program_is_the_chosen_one_too() -> None:
    words = ("nice", "-n", "5", "/usr/bin/python3", "train.py")

    moved = relocated_command(words, roots=["/old"], tree=TREE, python=Path("/env/bin/python"))

    assert moved == ("nice", "-n", "5", "/env/bin/python", "train.py")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["sh", "-c", "cd /x && /opt/env/bin/python3.12 train.py"], ["/opt/env/bin/python3.12"]),
        (["sh", "-c", "'/opt/env/bin/python' train.py"], ["/opt/env/bin/python"]),
        (["/opt/env/bin/python", "train.py"], []),  # another one takes its place
        (["sh", "-c", "python train.py --lib=/opt/python/lib"], []),
        (["sh", "-c", "cat /data/pythons"], []),
    ],
)
def test_interpreters_inside_of_words_are_found(words: list[str], found: list[str]) -> None:
    assert interpreters_within(words) == found


def test_a_program_by_its_name_is_found_on_the_path() -> None:
    words = ("torchrun", "train.py")

    assert relocated_command(words, roots=["/o"], tree=TREE, python=Path("/p")) == words


def test_ours_win_and_come_first_on_search_paths() -> None:
    asked = {"PATH": "/old/bin:/usr/bin", "PYTHONPATH": "/old/src", "LANG": "C", "A": "theirs"}
    ours = {"PATH": "/env/bin:/bin", "A": "ours"}

    variables = relocated_variables(asked, ours, roots=["/old"], tree=TREE)

    assert variables == {
        "PATH": "/env/bin:/bin:/tree/bin:/usr/bin",
        "PYTHONPATH": "/tree/src",
        "LANG": "C",
        "A": "ours",
    }
