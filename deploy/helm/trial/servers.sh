#!/bin/sh
# Starts the servers of servers.yaml in the current cluster and creates the secrets of ../values.yaml.
set -eu
cd "$(dirname "$0")"

password() { openssl rand -hex 24; }
dev=$(password) prod=$(password) dagster=$(password) cache=$(password)
options="sslmode=disable"

kubectl create configmap databases --from-file=../../postgres/databases.sh
kubectl create configmap start --from-file=../../valkey/start.sh
kubectl create secret generic servers \
    --from-literal=POSTGRES_USER=postgres --from-literal=POSTGRES_PASSWORD="$(password)" \
    --from-literal=POSTGRES_INITDB_ARGS=--auth-host=scram-sha-256 \
    --from-literal=DEV_PASSWORD="$dev" --from-literal=PROD_PASSWORD="$prod" \
    --from-literal=DAGSTER_PASSWORD="$dagster" --from-literal=MAXMEMORY=192mb \
    --from-literal=PASSWORD="$cache" --from-literal=READER_PASSWORD="$(password)"
kubectl create secret generic ouspark-dagster-storage --from-literal=postgresql-password="$dagster"
kubectl create secret generic ouspark \
    --from-literal=OUSPARK_DEV_DSN="postgresql://ouspark:$dev@postgres:5432/ouspark_dev?$options" \
    --from-literal=OUSPARK_PROD_DSN="postgresql://publisher:$prod@postgres:5432/ouspark_prod?$options" \
    --from-literal=OUSPARK_DAGSTER_DSN="postgresql://dagster:$dagster@postgres:5432/dagster?$options" \
    --from-literal=OUSPARK_REDIS_URL="redis://:$cache@valkey:6379/0" \
    --from-literal=OUSPARK_SITE_URL=http://standin:8007

kubectl apply -f servers.yaml
kubectl rollout status deployment/postgres deployment/valkey deployment/standin --timeout=5m
