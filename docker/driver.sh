#!/bin/sh
# Run a command that drives trials on a cluster, from a container of its own: Ray wants a raylet
# beside every driver. This one has no slots, so it runs no trials.
# usage: driver.sh HOST:PORT COMMAND...
set -eu
address=$1
shift
said=/tmp/raylet.txt
# The store takes checkpoints on their way to the driver, and must fit into /dev/shm.
if ! ray start --address "$address" --num-cpus 0 --num-gpus 0 --object-store-memory 1000000000 \
    --disable-usage-stats >"$said" 2>&1; then
    if grep -q AuthenticationError "$said"; then
        echo "the cluster at $address has another token: 'docker compose up --force-recreate' after the token has changed" >&2
    else
        tail -n 3 "$said" >&2
        echo "no Ray cluster answers at $address: start it with 'docker compose up', and repeat the command" >&2
    fi
    exit 2
fi
# In the place of this shell: signals reach the command, which ends cleanly, and the raylet with it.
exec "$@"
