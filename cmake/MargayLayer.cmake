# margay_layer(NAME [TORCH] [PRECOMPILED] [DEPENDS layer...] [LINK library...]): the static library of one folder of
# margay/. PRECOMPILED is for layers most of whose files need LibTorch; the others precompile what options need.
function(margay_layer name)
  cmake_parse_arguments(arg "TORCH;PRECOMPILED" "" "DEPENDS;LINK" ${ARGN})
  set(target margay_${name})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/margay/${name}/*.cpp)
  margay_keep_dispatch_apart(${sources})
  add_library(${target} STATIC ${sources})
  add_library(margay::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
                                              $<INSTALL_INTERFACE:include>)
  list(TRANSFORM arg_DEPENDS PREPEND margay_)
  target_link_libraries(${target} PUBLIC ${arg_DEPENDS} ${arg_LINK} PRIVATE $<BUILD_INTERFACE:margay_compiler>)
  if(arg_TORCH)
    target_link_libraries(${target} PUBLIC margay_torch)
  endif()
  if(arg_PRECOMPILED)
    margay_precompile(${target})
  else()
    target_precompile_headers(${target} PRIVATE <nlohmann/json.hpp> <fmt/format.h>)
  endif()
endfunction()

# Gives a target the one precompiled header of LibTorch: 3 s to load where reading takes 11 s. A file that needs no
# LibTorch compiles faster without it and opts out with SKIP_PRECOMPILE_HEADERS. torch/torch.h itself is avoided: its
# data, optim and serialize parts would double the header.
function(margay_precompile target)
  if(NOT TARGET margay_pch)
    file(WRITE ${PROJECT_BINARY_DIR}/margay_pch.cpp "")
    add_library(margay_pch STATIC ${PROJECT_BINARY_DIR}/margay_pch.cpp)
    set_target_properties(margay_pch PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_link_libraries(margay_pch PRIVATE margay_torch margay_compiler fmt::fmt)
    target_precompile_headers(margay_pch PRIVATE <torch/types.h> <torch/utils.h> <torch/nn/module.h>
                              <torch/nn/modules/container/sequential.h> <nlohmann/json.hpp> <fmt/format.h>)
  endif()
  target_compile_options(${target} PRIVATE -fPIC)  # as the header was; programs would get -fPIE, which cannot share it
  target_precompile_headers(${target} REUSE_FROM margay_pch)
endfunction()
