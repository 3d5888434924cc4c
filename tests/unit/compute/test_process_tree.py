import os

from compute import process_tree


def test_both_ways_to_list_processes_agree_on_this_one() -> None:
    pair = (os.getpid(), os.getppid())

    assert pair in process_tree._from_proc()
    assert pair in process_tree._from_ps()


def test_this_process_descends_from_its_parent() -> None:
    assert os.getpid() in process_tree.descendants(os.getppid())
