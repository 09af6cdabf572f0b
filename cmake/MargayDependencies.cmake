# Every outside library enters here; the Debian packages are listed in tools/packages.txt. Installed with the library
# and read again by find_package(margay), which is why these are imported targets.
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)

# LibTorch: Debian's, or any newer one named by CMAKE_PREFIX_PATH.
find_package(Torch 1.13 REQUIRED)
add_library(margay_torch INTERFACE IMPORTED)
target_include_directories(margay_torch INTERFACE ${TORCH_INCLUDE_DIRS})
target_link_libraries(margay_torch INTERFACE ${TORCH_LIBRARIES})
# LibTorch 1.13 moves vectors of IValue before it says what that is, which in C++20 only GCC lets pass.
target_compile_options(margay_torch INTERFACE "$<$<COMPILE_LANG_AND_ID:CXX,Clang>:SHELL:-include ATen/core/ivalue.h>")
find_package(OpenMP QUIET COMPONENTS CXX)  # LibTorch's own thread pool is OpenMP's; its size is set through it
if(OpenMP_CXX_FOUND)
  target_link_libraries(margay_torch INTERFACE OpenMP::OpenMP_CXX)
endif()

# margay_import(NAME HEADER header [SUFFIXES dir...] LIBRARIES lib...): a target for a library that Debian
# ships without a CMake package.
function(margay_import name)
  cmake_parse_arguments(arg "" "HEADER" "SUFFIXES;LIBRARIES" ${ARGN})
  find_path(${name}_INCLUDE_DIR ${arg_HEADER} PATH_SUFFIXES ${arg_SUFFIXES} REQUIRED)
  add_library(${name} INTERFACE IMPORTED)
  if(NOT ${name}_INCLUDE_DIR STREQUAL "/usr/include")
    target_include_directories(${name} INTERFACE ${${name}_INCLUDE_DIR})
  endif()
  foreach(library ${arg_LIBRARIES})
    find_library(${name}_${library}_LIBRARY ${library} REQUIRED)
    target_link_libraries(${name} INTERFACE ${${name}_${library}_LIBRARY})
  endforeach()
endfunction()

margay_import(margay_crypto HEADER openssl/evp.h LIBRARIES crypto)
margay_import(margay_utf8proc HEADER utf8proc.h LIBRARIES utf8proc)
margay_import(margay_xxhash HEADER xxhash.h LIBRARIES xxhash)
# Drawing and text in every script: Pango on Cairo.
find_package(PkgConfig REQUIRED)
pkg_check_modules(margay_pangocairo REQUIRED IMPORTED_TARGET pangocairo)
add_library(margay_pango INTERFACE IMPORTED)
target_link_libraries(margay_pango INTERFACE PkgConfig::margay_pangocairo)

margay_import(margay_jpeg HEADER jpeglib.h LIBRARIES jpeg)
margay_import(margay_png HEADER png.h LIBRARIES png)
margay_import(margay_opencv HEADER opencv2/core.hpp SUFFIXES opencv4
              LIBRARIES opencv_core opencv_imgproc)
margay_import(margay_gif HEADER gif_lib.h LIBRARIES gif)
margay_import(margay_tiff HEADER tiffio.h LIBRARIES tiff)
margay_import(margay_webp HEADER webp/decode.h LIBRARIES webp)
margay_import(margay_hwy HEADER hwy/highway.h LIBRARIES hwy)
margay_import(margay_re2 HEADER re2/re2.h LIBRARIES re2)

margay_import(margay_boost HEADER boost/beast/http/basic_parser.hpp)  # headers alone: requests of HTTP

find_package(CURL 7.85 REQUIRED)  # files from the network, only when asked
find_package(LibArchive 3.6 REQUIRED)

find_package(SQLiteCpp 3 REQUIRED)  # with SQLite itself: the list of training runs
