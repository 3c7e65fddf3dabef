#!/bin/sh
# Run a command that drives trials on a cluster, from a container of its own: Ray wants a raylet
# beside every driver. This one has no slots, so it runs no trials.
# usage: driver.sh HOST:PORT COMMAND...
set -eu
address=$1
shift
ray start --address "$address" --num-cpus 0 --num-gpus 0 --disable-usage-stats >/tmp/raylet.txt 2>&1 || {
    tail -n 3 /tmp/raylet.txt >&2
    echo "no Ray cluster answers at $address: start it with 'docker compose up', and repeat the command" >&2
    exit 2
}
# In the place of this shell: signals reach the command, which ends cleanly, and the raylet with it.
exec "$@"
