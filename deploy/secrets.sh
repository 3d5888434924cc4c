#!/bin/sh
# Prints new secrets as lines of an env file: for deploy/.env, or for `kubectl create secret`.
# Losing the signing key ends all sessions and all tokens of runs; losing a password, the access.
set -eu
random() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }
cat <<END
POSTGRES_PASSWORD=$(random 24)
SWEEPWORKS_SIGNING_KEY=$(random 32)
SWEEPWORKS_TOKEN=swk_$(random 32)
AWS_SECRET_ACCESS_KEY=$(random 24)
END
