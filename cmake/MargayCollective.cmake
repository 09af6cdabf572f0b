# Which forms of several processes this LibTorch allows: each has a source, or one in its place (margay_collective_without:
# the sources that are left out). LibTorch's targets say what it was built with by definitions, which its headers ask for.

# margay_has_engine(VARIABLE TARGET DEFINITION HEADER): whether LibTorch's target gives the definition, and the header that
# comes from elsewhere is there.
function(margay_has_engine variable target definition header)
  set(${variable} OFF PARENT_SCOPE)
  if(NOT TARGET ${target})
    return()
  endif()
  get_target_property(definitions ${target} INTERFACE_COMPILE_DEFINITIONS)
  find_path(${variable}_INCLUDE_DIR ${header} HINTS ${TORCH_INCLUDE_DIRS})
  if("${definition}" IN_LIST definitions AND ${variable}_INCLUDE_DIR)
    set(${variable} ON PARENT_SCOPE)
  endif()
endfunction()

margay_has_engine(MARGAY_HAS_GLOO torch_cpu USE_C10D_GLOO gloo/config.h)
margay_has_engine(MARGAY_HAS_NCCL torch_cuda USE_C10D_NCCL nccl.h)
if(MARGAY_HAS_GLOO AND MARGAY_HAS_NCCL)
  set(margay_collective_without process_group_none.cpp nccl_engine_none.cpp)
elseif(MARGAY_HAS_GLOO)
  set(margay_collective_without process_group_none.cpp nccl_engine.cpp)
else()
  message(STATUS "Several processes: not in this build, whose LibTorch lacks Gloo, or its headers (libgloo-dev)")
  set(margay_collective_without process_group_c10d.cpp c10d_store.cpp nccl_engine.cpp nccl_engine_none.cpp)
endif()
find_library(margay_gloo_LIBRARY gloo)  # where LibTorch does not hold it itself
