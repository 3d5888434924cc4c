# A trainer to begin with: examples/digits with the SDK, on the CPU.
# From the root of the repository:
#   docker build -f deploy/docker/trainer.Dockerfile -t sweepworks-digits:0.1.0 .
# Its sweep file says  command: [python, /app/train.py]
# A tag may mean another image tomorrow: --build-arg PYTHON=3.13.7-slim-trixie@sha256:… pins it.
ARG PYTHON=3.13.7-slim-trixie

FROM python:${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /source
RUN python -m venv /opt/trainer
ENV PATH=/opt/trainer/bin:$PATH
# Versions and hashes of requirements.lock; your own trainer brings a lock of its own.
COPY deploy/docker/trainer.lock ./
RUN pip install --require-hashes --only-binary=:all: -r trainer.lock
COPY deploy/docker/build.lock ./
RUN pip install --require-hashes --only-binary=:all: --target /build -r build.lock
COPY sdk ./sdk
RUN PYTHONPATH=/build pip install --no-deps --no-build-isolation ./sdk \
    && pip uninstall --yes pip

FROM python:${PYTHON}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="Sweepworks: digits" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
# A folder of the user's own: the script writes checkpoints where it runs. In a pod an empty
# volume lies over it.
RUN groupadd --gid 1000 trainer \
    && useradd --uid 1000 --gid 1000 --home-dir /sweepworks --no-create-home \
       --shell /usr/sbin/nologin trainer \
    && install --directory --owner 1000 --group 1000 --mode 0700 /sweepworks
COPY --from=build /opt/trainer /opt/trainer
COPY examples/digits/train.py /app/train.py
ENV PATH=/opt/trainer/bin:$PATH \
    HOME=/sweepworks \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 1000:1000
WORKDIR /sweepworks
CMD ["python", "/app/train.py"]
