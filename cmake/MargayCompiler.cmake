# How every target of the project is compiled.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

# What of -O2 makes loops fast: the rest of it takes a fifth more time to compile, and runs as fast.
set(CMAKE_CXX_FLAGS_RELEASE "-O1 -ftree-vectorize -fvect-cost-model=dynamic -fstrict-aliasing -finline-small-functions -DNDEBUG")

# margay_glue(TARGET...): no loop of these targets is hot.
function(margay_glue)
  foreach(target ${ARGN})
    target_compile_options(${target} PRIVATE "$<$<CONFIG:Release>:-fno-tree-vectorize;-fno-inline-small-functions>")
  endforeach()
endfunction()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # The slacknesses are what ccache needs to see through a precompiled header. By the dependencies that the compiler writes
  # (CCACHE_DEPEND) it knows what was read without running the preprocessor first, a second for each file. GCC's heap grows in
  # steps that fit huge pages (MALLOC_TOP_PAD_): a third of its page faults less.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env MALLOC_TOP_PAD_=67108864 CCACHE_DEPEND=1
                                  CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
                                  ${CCACHE_PROGRAM})
endif()
# Both link in a second what GNU ld takes three for; lld comes with the packages of the tests, gold with Debian 12's binutils.
find_program(LLD_PROGRAM ld.lld)
find_program(GOLD_PROGRAM ld.gold)

# GCC looks for what it may forget of a precompiled header of 500 MB again and again: a sixth of its time. Where there is
# memory for it (2.3 GB in place of 1.9 for the largest file), it looks later.
cmake_host_system_information(RESULT margay_ram_mb QUERY TOTAL_PHYSICAL_MEMORY)
cmake_host_system_information(RESULT margay_processors QUERY NUMBER_OF_LOGICAL_CORES)
math(EXPR margay_ram_each "${margay_ram_mb} / ${margay_processors}")
set(MARGAY_ROOMY OFF)
if(margay_ram_each GREATER_EQUAL 3500)
  set(MARGAY_ROOMY ON)
endif()

# What LibTorch's headers instantiate is compiled in every batch, some 4 s of it: a layer in one takes a quarter less time
# than in two. Many processors need more of them.
set(margay_batch_kb 320)
if(MARGAY_ROOMY AND margay_processors LESS_EQUAL 2)
  set(margay_batch_kb 720)
endif()
set(MARGAY_BATCH_KB ${margay_batch_kb} CACHE STRING "With CMAKE_UNITY_BUILD: how much of the library's sources is compiled as one")

add_library(margay_compiler INTERFACE)
# A false alarm of GCC 12 in its own AVX-512 intrinsics (GCC bug 105593).
set_source_files_properties(${PROJECT_SOURCE_DIR}/margay/loss/kernels/block_kernel.cpp
                            ${PROJECT_SOURCE_DIR}/margay/model/fused/activation_kernel.cpp
                            ${PROJECT_SOURCE_DIR}/margay/model/fused/channel_kernel.cpp
                            ${PROJECT_SOURCE_DIR}/margay/model/fused/pool_kernel.cpp PROPERTIES
  COMPILE_OPTIONS "$<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>")
target_compile_options(margay_compiler INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
  # Options are aggregates filled with designated initialisers: naming only some fields is the point.
  -Wno-missing-field-initializers
  # False alarms of GCC 12 in std::string's operator+ (GCC bugs 105329 and 105651).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict -Wno-stringop-overflow>
  # GCC 14 raises the same alarms under the first name too, and the second in std::optional within LibTorch's guards.
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_GREATER_EQUAL:$<CXX_COMPILER_VERSION>,13>>:-Wno-array-bounds -Wno-maybe-uninitialized>
  $<$<BOOL:${CCACHE_PROGRAM}>:$<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>>
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<BOOL:${MARGAY_ROOMY}>>:--param=ggc-min-expand=400>)
if(LLD_PROGRAM)
  target_link_options(margay_compiler INTERFACE -fuse-ld=lld)
elseif(GOLD_PROGRAM)
  target_link_options(margay_compiler INTERFACE -fuse-ld=gold)
endif()
if(MARGAY_SANITIZE)
  target_compile_options(margay_compiler INTERFACE -fsanitize=${MARGAY_SANITIZE} -fno-omit-frame-pointer
                                                   -fno-sanitize-recover=all)
  # Not -Wmaybe-uninitialized: where a sanitizer stands in the way, GCC cannot see what has been initialised.
  target_compile_options(margay_compiler INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(margay_compiler INTERFACE -fsanitize=${MARGAY_SANITIZE})
endif()

# margay_balance_batches(TARGET [TIMES n]): unity batches of one length, at most MARGAY_BATCH_KB of sources, of which each kB
# takes n times as long as the library's. A long batch beside a short one leaves a processor idle.
function(margay_balance_batches target)
  if(NOT CMAKE_UNITY_BUILD)
    return()
  endif()
  cmake_parse_arguments(arg "" "TIMES" "" ${ARGN})
  if(NOT arg_TIMES)
    set(arg_TIMES 1)
  endif()
  get_target_property(sources ${target} SOURCES)
  set(together "")
  set(all 0)
  foreach(source IN LISTS sources)
    get_source_file_property(is_alone ${source} SKIP_UNITY_BUILD_INCLUSION)
    if(NOT is_alone)
      file(SIZE ${source} bytes)
      math(EXPR all "${all} + ${bytes}")
      list(APPEND together ${source})
    endif()
  endforeach()
  math(EXPR batches "1 + (${all} * ${arg_TIMES} - 1) / (${MARGAY_BATCH_KB} * 1000)")
  set(taken 0)
  foreach(source IN LISTS together)
    file(SIZE ${source} bytes)
    math(EXPR batch "(${taken} + ${bytes} / 2) * ${batches} / ${all}")
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP batch_${batch})
    math(EXPR taken "${taken} + ${bytes}")
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD_MODE GROUP)
endfunction()

# The release preset compiles many sources as one (CMAKE_UNITY_BUILD): file-local names are therefore unique within a layer.
# Files that Highway compiles once for each instruction set include themselves, and stay on their own; none needs LibTorch.
function(margay_keep_dispatch_apart)
  foreach(source IN LISTS ARGN)
    file(STRINGS ${source} dispatch REGEX "hwy/foreach_target.h" LIMIT_COUNT 1)
    if(dispatch)
      set_source_files_properties(${source} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON SKIP_PRECOMPILE_HEADERS ON)
      set_property(SOURCE ${source} APPEND PROPERTY COMPILE_OPTIONS "$<$<CONFIG:Release>:-O2>")
    endif()
  endforeach()
endfunction()
