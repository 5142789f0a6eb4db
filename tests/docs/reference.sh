#!/bin/sh
# Prints docs/reference.md from what every test file says that it covers, in lines such as
#   // Covers: sort: sort stable_sort; types: integers float
# reference.sh <project folder>; the test docs.reference compares the page with what this prints. Fails when a test file
# does not call what it says that it covers, or when a documented function over expressions in include/lockstep/algorithm
# has no row.
cd "$1" || exit 1
rows=$(mktemp) && trap 'rm -f "$rows"' EXIT
for file in tests/*/*_test.cpp tests/cuda/*_test.cu; do
  where=cpu
  case $file in tests/cuda/*) where=cuda ;; esac
  if sed -n 1p "$file" | grep -q '^// Runs on:.*cuda'; then where=both; fi
  case $file in tests/mesh/* | tests/nn/trainer*) where=mesh ;; esac
  bits=no
  if grep -q same_bits "$file"; then bits=yes; fi
  sed -n 's|^// Covers: ||p' "$file" | while IFS=: read -r family names types; do
    for name in ${names%;*}; do
      if ! grep -v '^// Covers' "$file" | grep -qE "(^|[^a-z_])$name(<[^;]*>)?[({<]|[^a-z_]$name[,;> ]"; then
        echo "$file: found no use of $name, which it says that it covers" >&2
        echo missing
      fi
      printf '%s %s %s %s %s %s\n' "$family" "$name" "$where" "$bits" "${file#tests/}" "$types"
    done
  done
done >"$rows"
if grep -q '^missing' "$rows"; then exit 1; fi

# Names behind "auto" or "void" at the beginning of a documented declaration whose template head takes an expression.
public() {
  awk '/^\/\/\// { documented = 1 }
       /^$/ { documented = 0; head = "" }
       /^template </ { head = $0 }
       documented && head ~ /<expression |, expression / && match($0, /(^|[ )])(auto|void) [a-z_]+\(/) {
         name = substr($0, RSTART, RLENGTH); sub(/\(.*/, "", name); sub(/.* /, "", name); print name
         documented = 0 }' include/lockstep/algorithm/*.hpp | sort -u
}
failed=
helpers=" as_floating values_around "  # documented, but nobody calls them from outside
for name in $(public); do
  case $helpers in *" $name "*) continue ;; esac
  if ! grep -q "^[a-z]* $name " "$rows"; then
    echo "found no test that covers $name, expected a line \"// Covers: FAMILY: $name; types: ...\" in one" >&2
    failed=1
  fi
done
[ -z "$failed" ] || exit 1

cat <<'PAGE'
# What runs where

Made by `tests/docs/reference.sh` from what the test files say that they cover; a test fails when this page is out of date,
or when a function over expressions has no row. CPU and CUDA: the function is tested there (on GPUs by a simulator).
Sharded: it is tested on the devices of a mesh together. Deterministic: a file with its tests compares bits, between
numbers of threads, devices or ranks, or with another way to the same values. Types: of elements in its tests. What each
function does, and which arguments it takes, is on the page about its family: [algorithms](algorithms.md),
[kernels](kernels.md), [the guide](guide.md).
PAGE
for family in map reduce scan select sort places row matmul random kernels collectives nn; do
  printf '\n## %s\n\n| function | CPU | CUDA | sharded | deterministic | types | tests |\n| --- | --- | --- | --- | --- | --- | --- |\n' "$family"
  awk -v family="$family" '
    $1 == family {
      if (!($2 in seen)) order[++count] = $2
      seen[$2] = 1
      if ($3 != "cuda") cpu[$2] = "yes"
      if ($3 == "cuda" || $3 == "both") cuda[$2] = "yes"
      if ($3 == "mesh") mesh[$2] = "yes"
      if ($4 == "yes") bits[$2] = "yes"
      if (index(files[$2], "`" $5 "`") == 0) files[$2] = files[$2] (files[$2] ? ", " : "") "`" $5 "`"
      for (i = 6; i <= NF; ++i) types[$2, $i] = 1
    }
    END {
      known = split("bool integers float double half bfloat16", names, " ")
      for (k = 1; k <= count; ++k) {
        f = order[k]; text = ""
        for (i = 1; i <= known; ++i) if ((f, names[i]) in types) text = text (text ? ", " : "") names[i]
        printf "| `%s` | %s | %s | %s | %s | %s | %s |\n", f, cpu[f], cuda[f], mesh[f], bits[f], text, files[f]
      }
    }' "$rows"
done
