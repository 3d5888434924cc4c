# The platform: gateway, code server, Dagster's webserver and daemon, controllers, migrations.
# From the root of the repository:
#   docker build -f deploy/docker/platform.Dockerfile -t sweepworks:0.1.0 .
# A tag may mean another image tomorrow: --build-arg PYTHON=3.13.7-slim-trixie@sha256:… pins it.
ARG PYTHON=3.13.7-slim-trixie

FROM python:${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /source
RUN python -m venv /opt/sweepworks
ENV PATH=/opt/sweepworks/bin:$PATH
# Versions and hashes of requirements.lock, without what is for development only.
COPY deploy/docker/platform.lock ./
RUN pip install --require-hashes --only-binary=:all: -r platform.lock
COPY deploy/docker/build.lock ./
RUN pip install --require-hashes --only-binary=:all: --target /build -r build.lock
COPY . ./
RUN PYTHONPATH=/build pip install --no-deps --no-build-isolation ./sdk . \
    && pip uninstall --yes pip

FROM python:${PYTHON}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="Sweepworks" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 1000 sweepworks \
    && useradd --uid 1000 --gid 1000 --home-dir /var/lib/sweepworks --no-create-home \
       --shell /usr/sbin/nologin sweepworks \
    && install --directory --owner 1000 --group 1000 --mode 0700 \
       /var/lib/sweepworks /opt/dagster/dagster_home /opt/dagster/dagster_home/storage
COPY --from=build /opt/sweepworks /opt/sweepworks
# Controllers as processes; the chart lays its own over them, with Jobs of Kubernetes.
COPY --chown=1000:1000 dagster.yaml deploy/docker/workspace.yaml /opt/dagster/dagster_home/
ENV PATH=/opt/sweepworks/bin:$PATH \
    HOME=/var/lib/sweepworks \
    SWEEPWORKS_HOME=/var/lib/sweepworks \
    DAGSTER_HOME=/opt/dagster/dagster_home \
    DAGSTER_DISABLE_TELEMETRY=yes \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 1000:1000
WORKDIR /var/lib/sweepworks
# No entry point: Dagster gives its Jobs whole commands as arguments.
CMD ["sweepworks", "--help"]
