#!/usr/bin/env bash
# compile_time.sh [runs] [compiler]: what including lockstep costs, as processor seconds (user + system), the median of
# several runs. Flags as a user would give them: -std=c++20 -O2.
set -eu
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
runs=${1:-5} compiler=${2:-g++}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/standard.cpp" <<'END'
#include <algorithm>
#include <memory>
#include <string>
#include <vector>
END
cat >"$work/headers.cpp" <<'END'
#include <lockstep/lockstep.hpp>
END
cat >"$work/expression.cpp" <<'END'
#include <lockstep/lockstep.hpp>
namespace ls = lockstep;
void f(ls::array<float>& y, ls::array<float> const& x) { y = ls::sqrt(1.0f - x * x) + x; }
END
cat >"$work/program.cpp" <<'END'
#include <lockstep/lockstep.hpp>
namespace ls = lockstep;
int main() {
  ls::array<float> x = ls::linspace<float>(ls::device::cpu(), 1000, 0, 1);
  ls::array<float> y = ls::sqrt(1.0f - x * x) + x;
  return y.size() == 1000 ? 0 : 1;
}
END
cp "$root/examples/fashion_mnist.cpp" "$work/network.cpp"

median() { # median <file>
  local TIMEFORMAT='%U %S'
  "$compiler" -std=c++20 -O2 -I "$root/include" -c "$1" -o "$work/out.o" # once before, so that the files are cached
  for ((run = 0; run < runs; ++run)); do
    { time "$compiler" -std=c++20 -O2 -I "$root/include" -c "$1" -o "$work/out.o"; } 2>&1
  done | awk '{print $1 + $2}' | sort -n | awk '{t[NR] = $1} END {print t[int((NR + 1) / 2)]}'
}
measure() { printf '%-46s %6.2f s\n' "$2" "$(median "$work/$1.cpp")"; }

measure standard 'four headers of the standard library'
measure headers 'lockstep.hpp'
measure expression 'lockstep.hpp and one expression'
measure program 'lockstep.hpp, one expression, its arrays made'
measure network 'nn.hpp and a network, examples/fashion_mnist'
