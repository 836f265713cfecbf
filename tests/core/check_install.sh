#!/usr/bin/env bash
# Installs into a folder of its own and uses the library from there, by pkg-config and by find_package, from C11 and
# C++17: check_install.sh BUILD SOURCE
set -euo pipefail
build=$1 source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/usr" >/dev/null
PKG_CONFIG_PATH=$(dirname "$(find "$work/usr" -name fastbearer.pc)")
export PKG_CONFIG_PATH
library=$(dirname "$(find "$work/usr" -name libfastbearer.so)")
cmp "$source/core/man/fastbearer.3" "$work/usr/share/man/man3/fastbearer.3"

echo '#include <fastbearer.h>' >"$work/header.c"
cp "$work/header.c" "$work/header.cc"
echo 'int main() { fb_options options = FB_OPTIONS_INIT; return options.require_exp ? 0 : 1; }' >>"$work/header.cc"
flags=(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -I"$work/usr/include" -fsyntax-only)
${CC:-cc} -std=c11 "${flags[@]}" "$work/header.c"
if command -v "${CXX:-c++}" >/dev/null; then
    ${CXX:-c++} -std=c++17 "${flags[@]}" "$work/header.cc"
else
    echo "no C++ compiler: the header was not compiled as C++"
fi

# shellcheck disable=SC2046 # words
${CC:-cc} "$source/examples/c/mint.c" $(pkg-config --cflags --libs fastbearer) -o "$work/mint"
LD_LIBRARY_PATH=$library "$work/mint" "$work" >/dev/null
echo "pkg-config: $(pkg-config --modversion fastbearer)"

cat >"$work/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.21)
project(consumer C)
find_package(fastbearer REQUIRED)
add_executable(shared $source/examples/c/mint.c)
target_link_libraries(shared fastbearer::fastbearer)
add_executable(static $source/examples/c/mint.c)
target_link_libraries(static fastbearer::fastbearer_static)
END
cmake -S "$work" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/usr" >/dev/null
cmake --build "$work/build" >/dev/null
"$work/build/shared" "$work" >/dev/null
"$work/build/static" "$work" >/dev/null
echo "find_package: shared and static"
