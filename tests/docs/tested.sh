#!/bin/sh
# Prints docs/tested.md from what every test file says of itself: the devices it runs on and what it tests.
# tested.sh <project folder>; the test docs.tested compares the page with what this prints.
cd "$1" || exit 1
cat <<'PAGE'
# What is tested, and where

Made from the first lines of every test file by `tests/docs/tested.sh`; a test fails when this page is out of date. A row
says on which devices the file's cases run, and whether results are compared bit for bit (between numbers of threads,
devices or ranks).

| file | CPU | CUDA | bits | what |
| --- | --- | --- | --- | --- |
PAGE
for file in tests/*/*_test.cpp tests/cuda/*_test.cu; do
  folder=${file#tests/} folder=${folder%%/*} cpu=yes cuda=
  case $folder in cuda) cpu= cuda=yes ;; esac
  if sed -n 1,2p "$file" | grep -q '^// Runs on:.*cuda'; then cuda=yes; fi
  bits=
  if grep -q same_bits "$file"; then bits=yes; fi
  what=$(awk '/^\/\/ (Runs on|Covers):/ { next } /^\/\// { sub(/^\/\/ ?/, ""); text = text (text ? " " : "") $0; next } { exit }
              END { gsub(/\|/, "\\|", text); print text }' "$file")
  printf '| `%s` | %s | %s | %s | %s |\n' "${file#tests/}" "$cpu" "$cuda" "$bits" "$what"
done
