#!/bin/bash
# One allocation of several nodes as one Ray cluster, and a search on it:
#
#   sbatch examples/slurm.sh --arch attention --ratio 16 --data /shared/corpus --results /shared/results
#
# The search ends with a result before the allocation does. Where Slurm takes the nodes back earlier, it
# stops cleanly, the job is queued again and resumes. docs/CLUSTER.md says more.
#SBATCH --job-name=sar-tune
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --gpus-per-task=4
#SBATCH --time=08:00:00
#SBATCH --exclusive
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@180
set -euo pipefail

# What is left for the last epochs, tables and summary when the time is up: more than the 180 s of --signal.
readonly SPARE_S=600
readonly INTERRUPTED=130  # what the search ends with when it can be resumed

# Cards of one task. Slurm gives them in one variable or, where --gpus-per-task left that empty, in the other.
gpus_per_task() {
    local cards=${SLURM_GPUS_PER_TASK:-}
    if [[ -z $cards && ,${SLURM_TRES_PER_TASK:-}, =~ ,gres/gpu([:=][^,]*)?[:=]([0-9]+), ]]; then
        cards=${BASH_REMATCH[2]}
    fi
    echo "${cards##*:}"
}

# The moment by which the search is to be over. Hours would count those before a requeue too.
until_when() {
    date --date="@$((${SLURM_JOB_END_TIME:?is not set before Slurm 22.05} - SPARE_S))" +%Y-%m-%dT%H:%M:%S
}

nodes_are_up() {
    python - "$address" "$SLURM_JOB_NUM_NODES" <<'PYTHON'
import sys, time
import ray

ray.init(address=sys.argv[1], log_to_driver=False, logging_level="ERROR")
wanted, until = int(sys.argv[2]), time.monotonic() + 120
while True:
    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    found = len({node["NodeManagerHostname"] for node in nodes})
    if found >= wanted or time.monotonic() > until:
        break
    time.sleep(1)
print(f"{found} of {wanted} nodes are up, with {len(nodes)} raylets", flush=True)
sys.exit(0 if found else 1)
PYTHON
}

# Only processes of this job know the token. Whoever has it and reaches the ports runs code as you.
export RAY_AUTH_MODE=token
RAY_AUTH_TOKEN=$(python -c 'import secrets; print(secrets.token_hex(32))')
export RAY_AUTH_TOKEN

hosts=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
address=${hosts%%$'\n'*}:$((20000 + SLURM_JOB_ID % 10000))  # this node; jobs that share it do not meet

head='' nodes='' search=''
trap 'kill $search $nodes $head 2>/dev/null || true; wait' EXIT
is_stopped=false
# shellcheck disable=SC2317,SC2329  # the trap calls it
stop_search() {
    is_stopped=true
    if [[ -n $search ]]; then kill -TERM "$search" 2>/dev/null || true; fi
}
trap stop_search USR1 TERM

ray start --head --block --port="${address#*:}" --num-cpus=0 --num-gpus=0 \
    --include-dashboard=false --disable-usage-stats &
head=$!

gpus=$(gpus_per_task)
# One raylet per card on every node, this one too: tune.node starts them, and ends them when it is ended.
# Releases of Slurm differ in what srun takes from the job: it is told. A node that dies does not end the others.
srun --nodes="$SLURM_JOB_NUM_NODES" --ntasks-per-node=1 \
    --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" ${gpus:+--gpus-per-task="$gpus"} \
    --no-kill --kill-on-bad-exit=0 --wait=0 python -m tune.node --address "$address" &
nodes=$!

nodes_are_up
status=0
if ! $is_stopped; then
    until=$(until_when)
    python -m tune.search --address "$address" --until "$until" "$@" &
    search=$!
    # A signal ends `wait`, not the search: it is waited for until it is over.
    while status=0; wait "$search" || status=$?; kill -0 "$search" 2>/dev/null; do :; done
fi
if $is_stopped && [[ -z $search || $status -eq $INTERRUPTED ]]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
