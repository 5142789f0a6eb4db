# To be sourced: a job under mpirun in which a rank fails has to end in time, not with success, and its rank 0 has to say
# what went wrong. Sets `output` to what the job printed, and `status` to 1 where something is not so.
status=0

# check_job <seconds> <lines of rank 0> <what they say>... -- <command>...
check_job() {
  local limit=$1 lines=$2 code start=$SECONDS said parts=()
  shift 2
  while [ "$1" != -- ]; do parts+=("$1"); shift; done
  shift
  output=$("$@" 2>&1)
  code=$?
  said=$(grep -E "$lines" <<<"$output")
  [ $code -ne 0 ] && [ $code -ne 124 ] || { echo "FAILED: $failure: mpirun ended with $code"; echo "$output"; status=1; }
  [ $((SECONDS - start)) -lt "$limit" ] || { echo "FAILED: $failure took $((SECONDS - start)) s"; status=1; }
  for part in "${parts[@]}"; do
    case $said in *"$part"*) ;; *)
      echo "FAILED: $failure: expected \"$part\" in: $said"
      echo "$output"
      status=1 ;;
    esac
  done
  echo "$failure (shared memory $LOCKSTEP_SHARED_MEMORY): mpirun ended with $code after $((SECONDS - start)) s"
}

# check_nothing_left <program>
check_nothing_left() {
  local process
  for process in /proc/[0-9]*; do
    [ "$(tr '\0' ' ' 2>/dev/null <"$process/cmdline" | cut -d ' ' -f 1)" != "$1" ] || { echo "FAILED: $process is left"; status=1; }
  done
}
