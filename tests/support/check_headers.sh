#!/usr/bin/env bash
# Compiles each public header on its own, without warnings: check_headers.sh <include folder> <compiler>...
# Headers that need CUDA, NCCL or MPI themselves are left out: they are compiled where those parts are.
set -u
include=$1
shift
check() {
  "$1" -std=c++20 -fsyntax-only -Wall -Wextra -Wpedantic -Werror -I "$2" -x c++ - <<<"#include <$3>" ||
    { echo "FAILED: $1 $3"; exit 1; }
}
export -f check
headers=$(cd "$include" && grep -rLE '^ *# *include <(cuda|cub/|cublas|thrust/|nccl|mpi)' --include='*.hpp' lockstep |
  grep -v '/backend/cuda/' | sort)
[ -n "$headers" ] || { echo "no headers under $include/lockstep"; exit 1; }
failed=0
for compiler in "$@"; do
  xargs -P 2 -I{} bash -c 'check "$@"' _ "$compiler" "$include" {} <<<"$headers" || failed=1
  echo "$compiler compiled $(wc -l <<<"$headers") headers, each alone"
done
exit $failed
