# What every target of the tree shares: language level, warnings, caches, linker, output folders, and where the dependencies are.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(GRATICULE_CCACHE ccache)
if(GRATICULE_CCACHE)
  # A precompiled header's time stamp must not spoil the cache.
  set(launcher ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${GRATICULE_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${launcher})
endif()

find_program(GRATICULE_MOLD mold)
if(GRATICULE_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_library(graticule_options INTERFACE)
target_include_directories(graticule_options INTERFACE "${CMAKE_SOURCE_DIR}")
# -Wrestrict, -Warray-bounds and -Wstringop-overflow of GCC 12 are wrong about `"text" + std::string` (GCC bugs 105651, 105329),
# depending on how long the text is and how much is optimized.
target_compile_options(graticule_options INTERFACE
  $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-restrict -Wno-array-bounds -Wno-stringop-overflow>
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Werror>)
target_compile_definitions(graticule_options INTERFACE GRATICULE_VERSION="${PROJECT_VERSION}")
if(GRATICULE_SANITIZE)
  target_compile_options(graticule_options INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=address,undefined -fno-omit-frame-pointer -g1>)
  target_link_options(graticule_options INTERFACE -fsanitize=address,undefined)
endif()

# Reading the standard library and Qt costs more than compiling most of our files: precompiled once per target. No file relies on
# it (tests/hygiene/check_headers.py compiles every header alone).
function(graticule_precompile target)
  target_precompile_headers(${target} PRIVATE <algorithm> <array> <chrono> <cmath> <cstdint> <filesystem> <functional> <limits> <map>
    <memory> <mutex> <optional> <set> <span> <string> <string_view> <unordered_map> <utility> <variant> <vector> ${ARGN})
endfunction()

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(nlohmann_json REQUIRED)

# LibTorch as an imported target of our own: its CMake package overrides the CUDA flags and wants a toolkit even for a CPU
# build. Only libtorch_cpu and libc10 are linked; libtorch_cuda is loaded when a GPU is asked for.
if(NOT GRATICULE_TORCH_DIR)
  file(GLOB torch_candidates "${GRATICULE_DEPS_DIR}/lib/python3*/site-packages/torch" "$ENV{LIBTORCH}" /opt/libtorch)
  foreach(candidate IN LISTS torch_candidates)
    if(EXISTS "${candidate}/include/ATen/ATen.h" AND NOT GRATICULE_TORCH_DIR)
      set(GRATICULE_TORCH_DIR "${candidate}" CACHE PATH "LibTorch: a folder with include/ and lib/" FORCE)
    endif()
  endforeach()
endif()
if(NOT GRATICULE_TORCH_DIR)
  message(FATAL_ERROR "LibTorch was not found. Run packaging/deps/install.sh, or set GRATICULE_TORCH_DIR to a LibTorch folder.")
endif()
# libsentencepiece and libc10 both define a global FLAGS_minloglevel, of 8 and of 4 bytes: whoever comes first in the program's
# list gives the memory to both. With libc10 first, sentencepiece would write over libc10's next flag, and a failed allocation
# would end the program instead of throwing.
pkg_check_modules(SENTENCEPIECE REQUIRED IMPORTED_TARGET GLOBAL sentencepiece)
add_library(graticule_torch INTERFACE)
target_include_directories(graticule_torch SYSTEM INTERFACE "${GRATICULE_TORCH_DIR}/include")
# A dependency comes after its dependents on the link line, whatever order targets are named in.
target_link_libraries(PkgConfig::SENTENCEPIECE INTERFACE "${GRATICULE_TORCH_DIR}/lib/libtorch_cpu.so" "${GRATICULE_TORCH_DIR}/lib/libc10.so")
target_link_libraries(graticule_torch INTERFACE PkgConfig::SENTENCEPIECE)

# HiGHS, for searching recipes under a budget: only its C interface is used, so that compilers need not agree.
file(GLOB highs_candidates "${GRATICULE_DEPS_DIR}/lib/python3*/site-packages/highsbox/highs_dist")
find_path(GRATICULE_HIGHS_INCLUDE interfaces/highs_c_api.h HINTS ${highs_candidates} PATH_SUFFIXES include/highs highs)
find_library(GRATICULE_HIGHS_LIBRARY highs HINTS ${highs_candidates} PATH_SUFFIXES lib)
if(NOT GRATICULE_HIGHS_INCLUDE OR NOT GRATICULE_HIGHS_LIBRARY)
  message(FATAL_ERROR "HiGHS was not found. Run packaging/deps/install.sh, or set GRATICULE_HIGHS_INCLUDE and GRATICULE_HIGHS_LIBRARY.")
endif()
add_library(graticule_highs INTERFACE)
target_include_directories(graticule_highs SYSTEM INTERFACE "${GRATICULE_HIGHS_INCLUDE}")
target_link_libraries(graticule_highs INTERFACE "${GRATICULE_HIGHS_LIBRARY}")
get_filename_component(graticule_highs_folder "${GRATICULE_HIGHS_LIBRARY}" DIRECTORY)

# torch/lib/../../nvidia/cu13/lib holds libcudart and libcupti, which libtorch_cpu of a CUDA wheel needs.
get_filename_component(graticule_site "${GRATICULE_TORCH_DIR}" DIRECTORY)
list(APPEND CMAKE_BUILD_RPATH "${GRATICULE_TORCH_DIR}/lib" "${graticule_site}/nvidia/cu13/lib" "${graticule_highs_folder}")
set(CMAKE_BUILD_RPATH "${CMAKE_BUILD_RPATH}")
set(CMAKE_BUILD_RPATH_USE_ORIGIN OFF)
target_link_options(graticule_torch INTERFACE "-Wl,-rpath-link,${graticule_site}/nvidia/cu13/lib"
  "-Wl,--allow-shlib-undefined")
# RPATH rather than RUNPATH: libtorch_cuda's own dependencies are found through the program's path as well.
add_link_options(-Wl,--disable-new-dtags)

if(GRATICULE_CUDA)
  if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
    file(GLOB graticule_nvcc "${GRATICULE_DEPS_DIR}/lib/python3*/site-packages/nvidia/cu13/bin/nvcc")
    if(graticule_nvcc)
      set(CMAKE_CUDA_COMPILER "${graticule_nvcc}")
      get_filename_component(CUDAToolkit_ROOT "${graticule_nvcc}/../.." ABSOLUTE)
    endif()
  endif()
  if(NOT CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 80-real 86-real 89-real 90a-real 120-real 120-virtual)
  endif()
  set(CMAKE_CUDA_STANDARD 20)
  enable_language(CUDA)
endif()
