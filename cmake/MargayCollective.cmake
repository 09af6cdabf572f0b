# Which forms of several processes this LibTorch allows: each has a source, or one in its place (margay_collective_without:
# the sources that are left out).
get_target_property(margay_torch_cpu torch_cpu LOCATION)

# margay_has_engine(VARIABLE LIBRARY CLASS HEADER...): whether LibTorch's library has this class of c10d, and the headers
# that it needs are there.
function(margay_has_engine variable library class)
  set(${variable} OFF PARENT_SCOPE)
  foreach(header ${ARGN})
    find_path(margay_${class}_INCLUDE_DIR ${header} HINTS ${TORCH_INCLUDE_DIRS})
    if(NOT margay_${class}_INCLUDE_DIR)
      return()
    endif()
    unset(margay_${class}_INCLUDE_DIR CACHE)
  endforeach()
  execute_process(COMMAND ${CMAKE_NM} -D --defined-only ${library} OUTPUT_VARIABLE symbols ERROR_QUIET)
  string(FIND "${symbols}" ${class} found)
  if(NOT found EQUAL -1)
    set(${variable} ON PARENT_SCOPE)
  endif()
endfunction()

set(c10d_headers torch/csrc/distributed/c10d)
margay_has_engine(MARGAY_HAS_GLOO "${margay_torch_cpu}" ProcessGroupGloo gloo/config.h ${c10d_headers}/ProcessGroupGloo.hpp)
set(MARGAY_HAS_NCCL OFF)
if(MARGAY_HAS_GLOO AND TARGET torch_cuda)
  get_target_property(margay_torch_cuda torch_cuda LOCATION)
  margay_has_engine(MARGAY_HAS_NCCL "${margay_torch_cuda}" ProcessGroupNCCL nccl.h ${c10d_headers}/ProcessGroupNCCL.hpp)
endif()

if(MARGAY_HAS_GLOO)
  set(margay_collective_without process_group_none.cpp)
  if(MARGAY_HAS_NCCL)
    list(APPEND margay_collective_without nccl_engine_none.cpp)
  else()
    list(APPEND margay_collective_without nccl_engine.cpp)
  endif()
else()
  message(STATUS "Several processes: not in this build, whose LibTorch lacks Gloo or its headers (libgloo-dev)")
  set(margay_collective_without process_group_c10d.cpp c10d_store.cpp host_address.cpp nccl_engine.cpp nccl_engine_none.cpp)
endif()
find_library(margay_gloo_LIBRARY gloo)  # where LibTorch does not hold it itself
