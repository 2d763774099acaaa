#!/usr/bin/env bash
# check_format.sh TREE [--fix]: C++ is formatted as .clang-format says. With --fix it is made so.
# Other versions of clang-format differ in detail, so only the one of Debian 12 judges.
set -euo pipefail
version=14
cd "$1"
for program in "clang-format-$version" clang-format; do
  if command -v "$program" >/dev/null && [[ $("$program" --version) == *" version $version."* ]]; then
    mapfile -t files < <(find app core kernels widgets tests -name '*.h' -o -name '*.cpp' -o -name '*.cu' | sort)
    ((${#files[@]})) || { echo "no sources in $1"; exit 1; }
    if [[ ${2-} == --fix ]]; then exec "$program" -i "${files[@]}"; fi
    exec "$program" --dry-run --Werror "${files[@]}"
  fi
done
echo "clang-format $version is not there"
exit 77
