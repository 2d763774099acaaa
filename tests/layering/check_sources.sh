#!/usr/bin/env bash
# check_sources.sh TREE: who may include whom, and what may stand at the top. Prints every line that breaks a rule.
#
# Arrows point one way: app → widgets → core → kernels. core, kernels and app/cli know no Qt; CUDA's headers stay in
# kernels/cuda and tests/cuda; widgets see core's results, never the engine.
set -euo pipefail
cd "$1"

qt='(Q[A-Za-z]+[>/"]|q[a-z]+\.h)'
cuda='(cuda|cublas|cupti|curand|nvml|nvrtc|nvtx|nvToolsExt)'
broken=0

# forbid RULE PATTERN PLACE...: no #include in those folders' and files' sources may begin with PATTERN.
forbid() {
  local rule=$1 pattern=$2 found place places=()
  shift 2
  for place; do [[ ! -e $place ]] || places+=("$place"); done
  ((${#places[@]})) || return 0
  found=$(grep -rnE --include='*.h' --include='*.cpp' --include='*.cu' --include='*.cuh' \
    "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]$pattern" "${places[@]}") || return 0
  report "$rule" "$found"
}

report() {
  printf '%s\n' "$1:" "$2" ''
  broken=1
}

forbid 'Qt below the window' "$qt" core kernels app/cli
forbid 'kernels know only kernels' '(core|widgets|app|tests)/' kernels
forbid 'core knows only core and kernels' '(widgets|app|tests)/' core
forbid 'widgets do not know the programs' '(app|tests)/' widgets
forbid 'the command line does not know the window' '(widgets|app/gui|tests)/' app/cli
forbid 'the programs do not know the tests' 'tests/' app
forbid 'core asks for devices through kernels/, not in their folders' 'kernels/(cpu|cuda|reference)/' core widgets app

# Widgets see results only.
results='core/profile/(profile|statistics|cost_model|ceilings|floors|compare)\.h|core/model/config\.h|core/report/(text|compare_text|colours)\.h'
results+='|kernels/(component|dtype|memory|error|trace/run|trace/device_reading)\.h'
results+='|core/activity/activity\.h|core/prune/(plan|scores)\.h|core/evaluate/accuracy\.h|core/study/(study|price|scaling|advice)\.h'
results+='|kernels/observation\.h'
if [[ -d widgets ]]; then
  seen=$(grep -rnE --include='*.h' --include='*.cpp' '#[[:space:]]*include[[:space:]]*[<"](core|kernels)/' widgets |
    grep -vE "[<\"]($results)[>\"]") || true
  [[ -z $seen ]] || report "widgets see core's result types, never the engine" "$seen"
fi

mapfile -t outside_cuda < <(find kernels tests -mindepth 1 -maxdepth 1 -not -name cuda)
forbid 'CUDA outside kernels/cuda and its tests' "$cuda" core app widgets "${outside_cuda[@]}"

# The same in what is linked.
found=$(grep -nHE 'Qt6|QCustomPlot|perfmamba_(widgets|gui)' core/CMakeLists.txt kernels/CMakeLists.txt \
  app/cli/CMakeLists.txt 2>/dev/null) || true
[[ -z $found ]] || report 'Qt below the window' "$found"

# The top: few names, all agreed. Where git is there, what it tracks; otherwise what lies there, but for builds.
allowed='^(\..*|CMakeLists\.txt|CMakePresets\.json|LICENSE|README\.md|app|core|kernels|resources|tests|widgets)$'
names=$(git ls-files 2>/dev/null | cut -d/ -f1 | sort -u) || true
[[ $names ]] || names=$(find . -mindepth 1 -maxdepth 1 -not -name 'build*' -printf '%f\n')
found=$(grep -vE "$allowed" <<<"$names") || true
[[ -z $found ]] || report 'not agreed at the top of the tree' "$found"

((!broken)) || exit 1
echo 'All layers know only what they may.'
