-- Of the server of deploy/docker-compose.yaml, once: Dagster has a database of its own.
CREATE DATABASE dagster;
