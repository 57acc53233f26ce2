# One image for all of the project's services: webserver, daemon, code server, workers, stand-in.
# deploy/install.sh installs the project; compose.yaml says which service runs which command.
ARG PYTHON=3.11.17

FROM python:${PYTHON}-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /source
COPY requirements requirements
COPY deploy/install.sh deploy/install.sh
RUN sh deploy/install.sh dependencies /opt/ouspark
COPY . .
RUN sh deploy/install.sh project /opt/ouspark

FROM python:${PYTHON}-slim-bookworm
RUN groupadd --gid 10001 ouspark \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/ouspark \
        --shell /usr/sbin/nologin ouspark \
    && install -d -o ouspark -g ouspark -m 0700 /var/lib/ouspark /var/lib/ouspark/dagster
COPY --from=build /opt/ouspark /opt/ouspark
ENV PATH=/opt/ouspark/venv/bin:$PATH \
    DAGSTER_HOME=/opt/ouspark \
    DAGSTER_DISABLE_TELEMETRY=1 \
    OUSPARK_HOME=/var/lib/ouspark \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /opt/ouspark
USER 10001:10001
EXPOSE 4000
# Without a command the image runs the code server, which must only be reachable internally.
HEALTHCHECK --interval=30s --timeout=20s --start-period=60s --retries=3 \
    CMD ["ouspark", "health", "code", "--code-server", "127.0.0.1:4000"]
CMD ["dagster", "api", "grpc", "-h", "0.0.0.0", "-p", "4000", \
     "-m", "ouspark_assets.definitions", "--location-name", "ouspark_assets"]
