"""How the API server is reached: from inside the cluster, by a kubeconfig, or by its address."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sweeps.errors import LauncherUnavailable

_CONNECTIONS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterAddress:
    """Where the API server is; with nothing given, as the usual kubeconfig says."""

    url: str | None = None
    token_file: Path | None = None  #: read again whenever it changes; with `url`
    ca_file: Path | None = None  #: with `url`
    kubeconfig: Path | None = None
    context: str | None = None  #: of the kubeconfig; None: its current one
    is_inside: bool = False  #: this process is in a pod of the cluster


def connect(address: ClusterAddress) -> Any:
    """An `ApiClient` of the kubernetes package, which never tries twice by itself.

    Raises:
        LauncherUnavailable: There are no usable credentials; the sentence names what was looked at.
    """
    import kubernetes  # pyright: ignore[reportMissingTypeStubs]  it has none

    client, config = cast("Any", kubernetes.client), cast("Any", kubernetes.config)
    configuration = client.Configuration()
    try:
        if address.url is not None:
            configuration.host = address.url.rstrip("/")
            configuration.ssl_ca_cert = str(address.ca_file) if address.ca_file else None
            if address.token_file is not None:
                _use_token(configuration, address.token_file)
        elif address.kubeconfig is None and address.is_inside:
            config.load_incluster_config(client_configuration=configuration)
        else:
            config.load_kube_config(
                config_file=str(address.kubeconfig) if address.kubeconfig else None,
                context=address.context,
                client_configuration=configuration,
                persist_config=False,
            )
    except (config.ConfigException, OSError) as exc:
        raise LauncherUnavailable(
            f"no cluster: {exc}; set KUBECONFIG, or SWEEPWORKS_K8S_URL, or run inside the cluster"
        ) from exc
    configuration.retries = 0  # who calls knows what may be done twice, and waits with jitter
    configuration.connection_pool_maxsize = _CONNECTIONS
    return client.ApiClient(configuration)


def _use_token(configuration: Any, file: Path) -> None:
    def read(configuration: Any) -> None:
        token = file.read_text(encoding="ascii").strip()
        # The package looks for the first name since version 36, for the second one before; a prefix
        # that is set apart it forgets.
        for name in ("BearerToken", "authorization"):
            configuration.api_key[name] = f"Bearer {token}"

    configuration.refresh_api_key_hook = read
    read(configuration)
