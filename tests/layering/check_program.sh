#!/usr/bin/env bash
# check_program.sh PROGRAM: it starts, and no Qt is linked to it or to the libraries it uses.
set -euo pipefail
libraries=$(ldd "$1")
if grep -iE 'libQt|qcustomplot' <<<"$libraries"; then
  echo "$1 links Qt"
  exit 1
fi
if grep 'not found' <<<"$libraries"; then
  echo "$1 misses libraries"
  exit 1
fi
"$1" --help >/dev/null
