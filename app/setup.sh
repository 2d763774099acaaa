# shellcheck shell=bash
# What app/run and tests/run share: the packages, their installation, configuring and building.

# Debian packages the two programs are built with. Nothing else is downloaded.
# shellcheck disable=SC2034  # used by app/run and tests/run
build_packages=(
  g++                   # the compiler, 12 or later; brings OpenMP and the sanitizers
  cmake ninja-build
  qt6-base-dev          # the window: Widgets, PrintSupport; for the tests Qt Test
  qt6-svg-dev           # icons
  libqcustomplot-dev    # plots
  libhdf5-dev           # reports
  libdnnl-dev           # matrix products on the CPU
  ocl-icd-opencl-dev    # asked for by oneDNN's CMake files, which Debian's package does not depend on
  libhwy-dev            # SIMD
  libzip-dev            # PyTorch files
  nlohmann-json3-dev libcli11-dev libfmt-dev
  pkgconf               # finds the next two
  libpcre2-dev libutf8proc-dev  # tokenizers: patterns and character classes, Unicode normal forms
)

# What the tests need besides.
# shellcheck disable=SC2034
test_packages=(
  python3-h5py          # reads the reports, as a user would
  clang-format          # the formatting check
)

say() { printf '%s\n' "$*"; }
fail() {
  printf '%s: %s\n' "${0#./}" "$*" >&2
  exit 1
}

as_root() {
  if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=300 "$@"
}

# missing_packages PACKAGE...: those that are not installed, one a line. Asks dpkg only, which takes milliseconds.
missing_packages() {
  local installed
  installed=$(dpkg-query --show --showformat='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null) || true
  printf '%s\n' "$@" | grep -vxF -f <(sed -n 's/^installed //p' <<<"$installed") || true
}

# install_packages PACKAGE...: installs what is missing, and does nothing where nothing is.
install_packages() {
  local missing known
  if ! command -v dpkg-query >/dev/null; then
    say "Not a Debian system: nothing is installed. Needed are, by their Debian names: $*"
    return
  fi
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]})) || return 0

  if ((EUID != 0)) && ! command -v sudo >/dev/null; then
    fail "packages are missing, and there is no sudo to install them with. As root: apt-get install ${missing[*]}"
  fi
  say "Installing with apt-get: ${missing[*]}"
  known=$(apt-cache show --no-all-versions "${missing[@]}" 2>/dev/null | grep -c '^Package: ') || true
  if ((known == ${#missing[@]})) && apt_get install --no-install-recommends "${missing[@]}"; then return; fi
  # The package lists are absent or out of date.
  apt_get update || true
  apt_get install --no-install-recommends "${missing[@]}" ||
    fail "apt-get could not install ${missing[*]}; its reason is above. Is there a network? Once these packages are" \
      "installed, by whatever means, no network is needed."
}

# check_compiler: stops with one clear line where the compiler is too old, rather than in the middle of a build.
check_compiler() {
  local version
  [[ -z ${CXX-} ]] || return 0
  version=$(g++ -dumpversion) || fail "there is no g++"
  ((${version%%.*} >= 12)) || fail "g++ is version $version; 12 or later is needed (or set CXX to another compiler)"
}

# find_cuda: says in one line whether CUDA's compiler is there, and puts it where CMake looks. It is never needed.
find_cuda() {
  local nvcc
  nvcc=$(command -v nvcc "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc" | head -n 1) || true
  if [[ $nvcc ]]; then
    say "CUDA: nvcc found, $nvcc; the plugin for NVIDIA's GPUs is built"
    PATH+=:$(dirname "$nvcc")
  else
    say "CUDA: nvcc not found; the programs are built without NVIDIA's GPUs"
  fi
}

# build_folder PRESET: where CMakePresets.json puts it.
build_folder() {
  if [[ $1 == release ]]; then echo build; else echo "build-$1"; fi
}

# build PRESET [TARGET...]: configures where that has not been done, and builds. A target with a question mark is built
# where the build has it.
build() {
  local preset=$1 folder target targets=()
  shift
  folder=$(build_folder "$preset")
  if [[ ! -f $folder/build.ninja || CMakePresets.json -nt $folder/build.ninja ]]; then
    cmake --preset "$preset" || fail "could not configure; CMake's reason is above"
  fi
  for target; do
    [[ $target == *'?' ]] || { targets+=("$target"); continue; }
    ! grep -q "^build ${target%'?'}: phony" "$folder/build.ninja" || targets+=("${target%'?'}")
  done
  cmake --build "$folder" --parallel "${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}" ${1+--target "${targets[@]}"} ||
    fail "could not build; the compiler's reason is above"
}
