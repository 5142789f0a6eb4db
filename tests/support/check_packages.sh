#!/usr/bin/env bash
# Shows what cmake/debian_packages.cmake does on machines that differ from this one, by putting other programs in the
# place of dpkg-query, apt-get and id: check_packages.sh <cmake> <debian_packages.cmake>
set -u
cmake=$1 module=$2
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
failed=0

program() { # program <name> <line of shell>
  printf '#!/bin/bash\n%s\n' "$2" >"$bin/$1"
  chmod +x "$bin/$1"
}
expect() { # expect <case> <exit status> <text that the output has, when spaces and line ends are made one space>
  local output status
  output=$(PATH=$bin "$cmake" -D "FEATURES=tests;bench" -P "$module" 2>&1)
  status=$?
  output=$(tr -s ' \n' ' ' <<<"$output")
  if [ $status -ne "$2" ] || [[ $output != *"$3"* ]]; then
    printf 'FAILED: %s: status %s, expected %s and "%s":\n%s\n' "$1" $status "$2" "$3" "$output"
    failed=1
  fi
}

advice="apt-get update && apt-get install -y --no-install-recommends doctest-dev python3-numpy libeigen3-dev libfmt-dev libbenchmark-dev libhwy-dev libopenmpi-dev openmpi-bin libgloo-dev"
expect "no Debian" 0 "this is no Debian system"
program dpkg-query 'echo -n "install ok installed"'
program apt-get ": >$bin/called"
program id 'echo 0'
expect "all is installed" 0 ""
[ ! -e "$bin/called" ] || { echo "FAILED: apt-get was called though nothing is missing"; failed=1; }
program dpkg-query 'exit 1'
expect "root" 0 "installing doctest-dev python3-numpy libeigen3-dev libfmt-dev libbenchmark-dev libhwy-dev libopenmpi-dev openmpi-bin libgloo-dev"
[ -e "$bin/called" ] || { echo "FAILED: apt-get was not called"; failed=1; }
program dpkg-query '[ "$4" != doctest-dev ] && echo -n "install ok installed"'
expect "one is missing" 0 "installing doctest-dev"
program dpkg-query 'echo -n "deinstall ok config-files"'
program apt-get 'echo "Could not resolve the host"; exit 100'
expect "no network" 1 "Could not resolve the host"
expect "no network" 1 "$advice"
program id 'echo 1000'
expect "not root" 1 "$advice (Only root can install packages; this is user 1000.)"
rm "$bin/apt-get"
expect "no apt-get" 1 "$advice (There is no apt-get here.)"
exit $failed
