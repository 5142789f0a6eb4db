#!/usr/bin/env bash
# Runs the tests with std::format and std::mdspan, which g++ 12 and clang++ 14 lack, compiled with a clang++ that has
# libc++ 19: standard.sh <clang++> <project folder> <program to make>
set -eu
compiler=$1 project=$2 program=$3
for header in format mdspan; do
  if ! printf '#include <%s>\n#ifndef __cpp_lib_%s\n#error no %s\n#endif\n' $header $header $header |
    "$compiler" -std=c++23 -stdlib=libc++ -fsyntax-only -x c++ - 2>/dev/null; then
    echo "not run: $compiler has no <$header> (Debian: libc++-19-dev libc++abi-19-dev)"
    exit 0
  fi
done
"$compiler" -std=c++23 -stdlib=libc++ -O1 -Wall -Wextra -Wpedantic -Werror -I "$project/include" -I "$project/tests" \
  "$project"/tests/interop/{format,mdspan}_test.cpp "$project/tests/support/main.cpp" -ltbb -lopenblas -lz -o "$program"
"$program"
