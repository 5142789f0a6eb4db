#!/bin/sh
# Prints what ptxas says of every kernel of a CUDA file: registers, shared memory, stack and spills, for compute
# capabilities 8.0, 9.0 and 10.0. Fails when the file does not compile without warnings or one of lockstep's kernels spills.
# kernel_resources.sh FILE [nvcc options...], such as: cmake/kernel_resources.sh bench/cuda/counters.cu -O3
set -u
file=$1
shift
root=$(cd "$(dirname "$0")/.." && pwd)
nvcc=${NVCC:-$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)}
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
status=0
for arch in ${ARCHITECTURES:-80 90 100}; do
  "$nvcc" -std=c++20 -x cu -cubin -arch="sm_$arch" -Xptxas -v --extended-lambda --expt-relaxed-constexpr \
    -diag-suppress=128,186,2810 -I "$root/include" -I "$root/tests" "$@" -o "$work/$arch.cubin" "$file" 2>"$work/$arch.txt" ||
    { cat "$work/$arch.txt" >&2; exit 1; }
  if grep -E 'warning|remark' "$work/$arch.txt" | grep -v '^ptxas info' >&2; then status=1; fi
  awk -v arch="$arch" '
    /Compiling entry function/ { match($0, /\047[^\047]*\047/); name = substr($0, RSTART + 1, RLENGTH - 2) }
    /bytes stack frame/ { stack = $1; stores = $5; loads = $9 }
    /Used [0-9]+ registers/ {
      registers = $0; sub(/.*Used /, "", registers); sub(/ .*/, "", registers)
      shared = 0
      if (match($0, /[0-9]+ bytes smem/)) { shared = substr($0, RSTART); sub(/ .*/, "", shared) }
      printf "%s|%d|%d|%d|%d|%s\n", arch, registers, shared, stack, stores + loads, name
    }' "$work/$arch.txt" >>"$work/kernels"
done
c++filt <"$work/kernels" | awk -F'|' '
  BEGIN { printf "%-5s %9s %8s %7s %7s  %s\n", "sm", "registers", "shared", "stack", "spills", "kernel" }
  {
    name = $6; sub(/^void /, "", name); gsub(/lockstep::nvcc::(cuda::)?/, "", name)
    printf "%-5s %9d %8d %7d %7d  %.150s\n", $1, $2, $3, $4, $5, name
    if ($6 ~ /^(void )?lockstep::/) { own++; if ($5 > 0) spilling++ } else if ($5 > 0) others++
    if ($2 > most) most = $2
  }
  END {
    printf "%d kernels of lockstep, %d of them spill; %d of others spill; at most %d registers\n", own, spilling, others, most
    exit spilling > 0
  }' || status=1
exit $status
