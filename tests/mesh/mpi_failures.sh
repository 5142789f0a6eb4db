#!/usr/bin/env bash
# A process of three that fails under mpirun: the job ends in time, not with success, and the others have said who failed
# and where: mpi_failures.sh <mpirun> <flag for the number> <program>
set -u
mpirun=$1 flag=$2 program=$3
. "$(dirname "$0")/failing_job.sh"

check() { # check <failure> <shared memory> <what rank 0 says>...
  local failure=$1
  export LOCKSTEP_SHARED_MEMORY=$2
  shift 2
  check_job 20 '^lockstep, rank 0 failed: ' "$@" -- timeout 60 "$mpirun" "$flag" 3 "$program" mpi "$failure"
}

call='all_reduce of 10 float by + (weights) (collective 1) on rank 0 of 3'
check throws 1 "$call" 'rank 1 failed: gives up'
check is-killed 1 "$call" 'rank 1 (process ' 'which has ended'
check exits 1 "$call" 'rank 1 (process ' 'which has ended'
check stops 1 "$call" 'waited 1 s' 'for rank 1 (process ' 'which is stopped'
check disagrees 1 "$call" 'called barrier (collective 1)'
check leaves 1 "$call" 'rank 1 has returned without calling'
check throws 0 "$call" 'rank 1 failed: gives up'
check stops 0 "$call" 'waited 1 s'
check leaves 0 "$call" 'rank 1 has returned without calling'
check is-killed 0  # the launcher alone sees it, and ends everybody
check stalls 0 'send to rank 1 on rank 0 of 3' 'waited 1 s'
case $output in *[Ss]ignal*|*egmentation*) echo "FAILED: stalls: $output"; status=1 ;; esac

for shared in 0 1; do
  LOCKSTEP_SHARED_MEMORY=$shared timeout 60 "$mpirun" "$flag" 3 "$program" mpi takes-time ||
    { echo "FAILED: a rank that takes its time after the last collective (shared memory $shared)"; status=1; }
done
unset LOCKSTEP_SHARED_MEMORY
# Processes that have the same numbers in other containers (MPI's own shared memory cannot cope with that).
if unshare --pid --fork true 2>/dev/null; then
  OMPI_MCA_btl=tcp,self timeout 60 "$mpirun" "$flag" 2 unshare --pid --fork "$program" mpi ||
    { echo "FAILED: processes that do not see each other's /proc"; status=1; }
fi
check_nothing_left "$program"
exit $status
