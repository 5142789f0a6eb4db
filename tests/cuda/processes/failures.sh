#!/usr/bin/env bash
# One of two processes with a GPU each fails under mpirun: the job ends in time, not with success, and the other has said
# who failed and where: failures.sh <mpirun> <flag for the number> <simulator> <program>
set -u
mpirun=$1 flag=$2 simulator=$3 program=$4
. "$(dirname "$0")/../../mesh/failing_job.sh"

check() { # check <failure> <shared memory> <NCCL call of process 1 that fails, 0: none> <what rank 0 says>...
  local failure=$1 call=$3
  export LOCKSTEP_SHARED_MEMORY=$2
  shift 3
  check_job 40 '^lockstep, rank 0 failed: |^process of rank 0, ' "$@" -- \
    timeout 100 "$mpirun" "$flag" 1 "$simulator" -- "$program" mpi_gpu "$failure" : \
                          "$flag" 1 "$simulator" --fail-nccl "$call" -- "$program" mpi_gpu "$failure"
}

call='all_reduce of 10 float by any_order<plus> (weights), on gpu:0'
check throws 1 0 "$call" 'rank 1 failed: gives up'
check disagrees 1 0 'rank 0 calls all_reduce of 10 float by any_order<plus>, but rank 1 calls all_reduce of 5 int by +'
check leaves 1 0 "$call" 'rank 1 has returned without calling'
check is-killed 1 0 "$call" 'rank 1 (process ' 'which has ended'
check stops 1 0 "$call" 'waited 1 s' 'which is stopped'
check throws 0 0 "$call" 'rank 1 failed: gives up'
DEVICE_MPI=1 check device-message-stops 0 0 'send to rank 1 on rank 0 of 2' 'waited 1 s'
# What is to be sent waits on its GPU for a collective that rank 1 has agreed to and does not do its part of. By shared
# memory rank 0 may see before that wait ends that the process has stopped.
check message-of-stopped 0 0 'send to rank 1 on rank 0 of 2, on gpu:0: waited 1 s' 'any_order<plus>'
check message-of-stopped 1 0 'send to rank 1 on rank 0 of 2'
grep -qE 'on gpu:0: waited 1 s.*any_order<plus>|: rank 1 \(process [0-9]+\), which is stopped' <<<"$output" || {
  echo "FAILED: message-of-stopped: expected the wait for a collective or the process that has stopped in: $output"
  status=1
}
# The last call of NCCL, which all ranks have agreed to make: rank 0 has queued its part and waits for its GPU, or calls
# NCCL when rank 1 has failed, and hears of a communicator that was aborted. That is not what went wrong. The same where
# communicators are made.
for shared in 1 0; do
  check nccl-late $shared 0 'ncclCommInitRankConfig on gpu:0' 'waited 1 s for NCCL to reach the other ranks'
  check nccl $shared 3 'rank 1 failed: ' 'unhandled system error'
  check nccl-first $shared 3 "$call: rank 1 failed: " 'unhandled system error'
  check nccl-joining $shared 0 'a communicator of NCCL, on gpu:0: rank 1 failed: ' 'unhandled system error'
done

check_nothing_left "$program"
exit $status
