#!/usr/bin/env bash
# Compiles each public header alone with one compiler, and all together with others, without warnings:
# check_headers.sh <include folder> <compiler> [<other compiler>...]
# Headers that need CUDA, NCCL, MPI, Eigen or fmt themselves are left out: they are compiled where those parts are.
set -u
include=$1 compiler=$2
shift 2
check() { # check <compiler> <include folder> <header>...
  printf '#include <%s>\n' "${@:3}" |
    "$1" -std=c++20 -fsyntax-only -Wall -Wextra -Wpedantic -Werror -I "$2" -x c++ - ||
    { echo "FAILED: $1 ${*:3}"; exit 1; }
}
export -f check
headers=$(cd "$include" && grep -rLE '^ *# *include <(cuda|cub/|cublas|thrust/|nccl|mpi|Eigen/|fmt/)' --include='*.hpp' lockstep |
  grep -v -e '/backend/cuda/' -e '/mesh/mpi_' | sort)
[ -n "$headers" ] || { echo "no headers under $include/lockstep"; exit 1; }
failed=0
xargs -P 2 -I{} bash -c 'check "$@"' _ "$compiler" "$include" {} <<<"$headers" || failed=1
for other in "$@"; do
  # shellcheck disable=SC2086
  (check "$other" "$include" $headers) || failed=1
done
echo "$(wc -l <<<"$headers") headers"
exit $failed
