#!/usr/bin/env bash
# A process of three that fails under mpirun: the job ends in time, not with success, and the others have said who failed
# and where: mpi_failures.sh <mpirun> <flag for the number> <program>
set -u
mpirun=$1 flag=$2 program=$3 status=0

check() { # check <failure> <shared memory> <what rank 0 says>...
  local failure=$1 shared=$2 output code start=$SECONDS
  shift 2
  output=$(LOCKSTEP_SHARED_MEMORY=$shared timeout 60 "$mpirun" "$flag" 3 "$program" mpi "$failure" 2>&1)
  code=$?
  local said
  said=$(grep '^lockstep, rank 0 failed: ' <<<"$output")
  [ $code -ne 0 ] && [ $code -ne 124 ] || { echo "FAILED: $failure: mpirun ended with $code"; status=1; }
  [ $((SECONDS - start)) -lt 20 ] || { echo "FAILED: $failure took $((SECONDS - start)) s"; status=1; }
  for part in "$@"; do
    case $said in *"$part"*) ;; *)
      echo "FAILED: $failure: expected \"$part\" in: $said"
      echo "$output"
      status=1 ;;
    esac
  done
  echo "$failure (shared memory $shared): mpirun ended with $code"
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
for process in /proc/[0-9]*; do
  [ "$(tr '\0' ' ' 2>/dev/null <"$process/cmdline" | cut -d ' ' -f 1)" != "$program" ] || { echo "FAILED: $process is left"; status=1; }
done
exit $status
