"""A large file into S3, ours against boto3's own: `python -m benchmarks.artifacts --json`.

Each upload runs in a process of its own, whose peak of memory is told; ours goes by the gateway,
which signs, and boto3's `upload_file` straight to the server. Both send the same file, one after
the other, several times; ours is told with and without the hashing that comes before it. Without
`--endpoint` the server is moto, which puts the parts together in memory: it needs about four times
the file, so the file is 2 GB by default.
"""

import argparse
import contextlib
import json
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Generator
from pathlib import Path
from typing import Any

from benchmarks.machine import show

_TOKEN = f"swt_{secrets.token_urlsafe(32)}"
_BLOCK = 16 * 1024 * 1024


def write_file(path: Path, size: int) -> None:
    """Bytes that are all different, and those of another run, too."""
    block = secrets.token_bytes(_BLOCK)
    with path.open("wb") as file:
        for index in range(-(-size // _BLOCK)):
            file.write((index.to_bytes(8, "big") + block[8:])[: size - index * _BLOCK])


@contextlib.contextmanager
def process(arguments: list[str], **variables: str) -> Generator[str, None, None]:
    """A server that prints its address, or has it already; it ends with its input."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
    ) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip() if arguments[1] == "tests.strict_s3" else ""
        finally:
            server.terminate()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(port: int) -> None:
    give_up_at = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.05)
        else:
            return


def peak_memory_mb() -> float:
    """Of this process since it began; `getrusage` would begin with what its parent had."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def in_a_process(kind: str, **options: object) -> dict[str, Any]:
    """Figures of one upload."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.artifacts", "--upload", json.dumps([kind, options])],
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def upload_ours(*, url: str, token: str, run: str, file: str) -> dict[str, Any]:
    """By the SDK; the second time what is there already."""
    from sweepworks.artifacts import describe, no_beat
    from sweepworks.connection import Connection
    from sweepworks.uploading import upload

    seconds: dict[str, float] = {}
    began = time.perf_counter()
    described = describe(Path(file), "file", "file")
    seconds["hash_seconds"] = time.perf_counter() - began
    for name in ("upload_seconds", "again_seconds"):
        with contextlib.closing(Connection(url, token, timeout_seconds=30)) as connection:
            began = time.perf_counter()
            upload(connection, run, Path(file), described, beat=no_beat, patience_seconds=60)
            seconds[name] = time.perf_counter() - began
    return seconds


def upload_theirs(*, endpoint: str, bucket: str, key: str, file: str, sums: str) -> dict[str, Any]:
    """By `boto3.upload_file` with its defaults, or without the sums that it adds by itself."""
    from boto3.session import Session
    from botocore.config import Config

    client: Any = Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        config=Config(request_checksum_calculation=sums, s3={"addressing_style": "path"}),  # pyright: ignore[reportArgumentType]  its stub-less options
    )
    began = time.perf_counter()
    client.upload_file(file, bucket, key)
    return {"upload_seconds": time.perf_counter() - began}


def measure(size: int, *, rounds: int, endpoint: str, bucket: str, folder: Path) -> dict[str, Any]:
    """Medians over rounds, each of a file of its own."""
    import httpx

    from benchmarks.postgres import fresh_database, server

    port = free_port()
    with server() as server_url, fresh_database(server_url) as database:
        variables = {
            "SWEEPWORKS_DATABASE_URL": database,
            "SWEEPWORKS_SIGNING_KEY": secrets.token_hex(32),
            "SWEEPWORKS_ARTIFACTS": f"s3://{bucket}/benchmark",
            "SWEEPWORKS_S3_ENDPOINT": endpoint,
            "SWEEPWORKS_TOKEN": _TOKEN,
        }
        with process(["-m", "gateway.serve", "--port", str(port)], **variables):
            wait_for(port)
            url = f"http://127.0.0.1:{port}"
            ours: list[dict[str, Any]] = []
            theirs: dict[str, list[dict[str, Any]]] = {"when_supported": [], "when_required": []}
            for _ in range(rounds):
                file = folder / "file"
                write_file(file, size)
                made = httpx.post(
                    f"{url}/api/v1/runs", json={}, headers={"Authorization": f"Bearer {_TOKEN}"}
                ).json()
                ours.append(
                    in_a_process(
                        "ours", url=url, token=made["token"], run=made["run"], file=str(file)
                    )
                )
                _empty(endpoint, bucket)
                for sums, figures in theirs.items():
                    key = f"theirs/{uuid.uuid4().hex}"
                    figures.append(
                        in_a_process(
                            "theirs",
                            endpoint=endpoint,
                            bucket=bucket,
                            key=key,
                            file=str(file),
                            sums=sums,
                        )
                    )
                    _empty(endpoint, bucket)
    return _figures(size, ours, theirs)


def _empty(endpoint: str, bucket: str) -> None:
    client = _client(endpoint)
    for one in client.list_objects_v2(Bucket=bucket).get("Contents", ()):
        client.delete_object(Bucket=bucket, Key=one["Key"])


def _client(endpoint: str) -> Any:
    from storage.artifacts.location import BucketLocation
    from storage.artifacts.s3_client import s3_client

    return s3_client(BucketLocation(bucket="any", endpoint=endpoint))


def _figures(
    size: int, ours: list[dict[str, Any]], theirs: dict[str, list[dict[str, Any]]]
) -> dict[str, Any]:
    def median(figures: list[dict[str, Any]], name: str) -> float:
        return statistics.median(one[name] for one in figures)

    peers = {sums: median(figures, "upload_seconds") for sums, figures in theirs.items()}
    best = min(peers.values())
    upload, hashing = median(ours, "upload_seconds"), median(ours, "hash_seconds")
    return {
        "file_bytes": size,
        "hash_mb_per_second": size / hashing / 1e6,
        "upload_mb_per_second": size / upload / 1e6,
        "s3transfer_mb_per_second": size / peers["when_supported"] / 1e6,
        "s3transfer_without_sums_mb_per_second": size / peers["when_required"] / 1e6,
        "share_of_s3transfer": best / upload,
        "share_of_s3transfer_with_hashing": best / (upload + hashing),
        "second_upload_seconds": median(ours, "again_seconds"),
        "peak_memory_mb": max(one["peak_memory_mb"] for one in ours),
        "s3transfer_peak_memory_mb": max(
            one["peak_memory_mb"] for figures in theirs.values() for one in figures
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=2.0, help="size of the file")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--endpoint", help="of a server instead of moto, with AWS_… set for it")
    parser.add_argument("--bucket", default="benchmark", help="there, made if need be and emptied")
    parser.add_argument("--folder", type=Path, help="where the file is written")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--upload", help=argparse.SUPPRESS)  # what this does in a process
    arguments = parser.parse_args()
    if arguments.upload:
        kind, options = json.loads(arguments.upload)
        figures = (upload_ours if kind == "ours" else upload_theirs)(**options)
        print(json.dumps({**figures, "peak_memory_mb": peak_memory_mb()}))
        return
    with contextlib.ExitStack() as stack:
        endpoint = arguments.endpoint
        if endpoint is None:
            os.environ |= {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "a-secret"}
            endpoint = f"http://127.0.0.1:{stack.enter_context(process(['-m', 'tests.strict_s3', '--plain']))}"
        with contextlib.suppress(Exception):  # it is there
            _client(endpoint).create_bucket(Bucket=arguments.bucket)
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=arguments.folder))
        figures = measure(
            int(arguments.gigabytes * 1e9),
            rounds=arguments.rounds,
            endpoint=endpoint,
            bucket=arguments.bucket,
            folder=Path(folder),
        )
    show(figures, as_json=arguments.json)


if __name__ == "__main__":
    main()
