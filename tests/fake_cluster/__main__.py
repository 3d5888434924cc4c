"""A fake cluster as a process of its own: prints its address, and ends when its input does.

python -m tests.fake_cluster trials
"""

import sys

from tests.fake_cluster.server import fake_cluster

if __name__ == "__main__":
    with fake_cluster(*sys.argv[1:]) as cluster:
        print(cluster.url, flush=True)
        sys.stdin.read()
