"""What a client says of who it is."""

from pathlib import Path

from compute.kubernetes.connection import ClusterAddress, connect


def test_a_token_is_a_bearer_token_and_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one\n")
    client = connect(ClusterAddress(url="https://127.0.0.1:1", token_file=file))

    def said() -> dict[str, str]:
        headers: dict[str, str] = {}
        client.update_params_for_auth(headers, [], ["BearerToken"])
        return headers

    first = said()
    file.write_text("two\n")

    assert first == {"authorization": "Bearer one"}
    assert said() == {"authorization": "Bearer two"}
