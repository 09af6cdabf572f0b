# Debian's LibTorch 1.13 holds Caffe2's operators for videos. For these it needs OpenCV's and FFmpeg's libraries, which need
# 140 more: a third of the time in which a program starts, though Margay runs none of these operators. Programs find one
# empty library under the names of those that they do not use themselves. LibTorch binds functions when they are first
# called, so it misses nothing; that is tried here, and where it is not so, or with another LibTorch, nothing is done.
set(margay_unused_names "^lib(opencv_[a-z0-9]+|avcodec|avformat|avutil|swscale|swresample)[.]so")
set(margay_own_names "^libopencv_(core|imgproc)[.]so")
set(margay_unused ${PROJECT_BINARY_DIR}/bin/unused)

function(margay_find_unused_libraries)
  set(MARGAY_UNUSED_LIBRARIES "" CACHE INTERNAL "")
  if(NOT TARGET torch_cpu OR NOT CMAKE_OBJDUMP OR CMAKE_CROSSCOMPILING)
    return()
  endif()
  get_target_property(torch torch_cpu LOCATION)
  get_filename_component(folder ${torch} DIRECTORY)
  if(NOT folder IN_LIST CMAKE_CXX_IMPLICIT_LINK_DIRECTORIES)
    return()  # not the system's
  endif()
  execute_process(COMMAND ${CMAKE_OBJDUMP} -p ${torch} OUTPUT_VARIABLE headers ERROR_QUIET)
  string(REGEX MATCHALL "NEEDED +[^\n]+" needed "${headers}")
  list(TRANSFORM needed REPLACE "NEEDED +" "")
  list(FILTER needed INCLUDE REGEX ${margay_unused_names})
  list(FILTER needed EXCLUDE REGEX ${margay_own_names})
  if(NOT needed)
    return()
  endif()
  file(MAKE_DIRECTORY ${margay_unused})
  file(WRITE ${margay_unused}/empty.cpp "")
  file(WRITE ${margay_unused}/program.cpp "int main() {}\n")
  execute_process(COMMAND ${CMAKE_CXX_COMPILER} -shared -fPIC -nostdlib -s -o ${margay_unused}/empty.so ${margay_unused}/empty.cpp
                  RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
  foreach(name ${needed})
    file(CREATE_LINK empty.so ${margay_unused}/${name} SYMBOLIC)
  endforeach()
  set(options -Wl,--disable-new-dtags -Wl,-rpath-link,${folder})
  execute_process(COMMAND ${CMAKE_CXX_COMPILER} -o ${margay_unused}/program ${margay_unused}/program.cpp ${options}
                          -Wl,-rpath,${margay_unused}:${folder} -Wl,--no-as-needed ${torch}
                  RESULT_VARIABLE not_linked OUTPUT_QUIET ERROR_QUIET)
  execute_process(COMMAND ${margay_unused}/program RESULT_VARIABLE not_started OUTPUT_VARIABLE said ERROR_VARIABLE said)
  file(REMOVE ${margay_unused}/empty.cpp ${margay_unused}/program.cpp ${margay_unused}/program)
  if(failed OR not_linked OR not_started OR said)
    file(REMOVE_RECURSE ${margay_unused})
    message(STATUS "Libraries that LibTorch needs for videos are loaded: it does not start without them")
    return()
  endif()
  set(MARGAY_UNUSED_LIBRARIES ${needed} CACHE INTERNAL "loaded as an empty one")
  set(MARGAY_UNUSED_OPTIONS ${options} CACHE INTERNAL "")
endfunction()

if(NOT DEFINED MARGAY_UNUSED_LIBRARIES)
  margay_find_unused_libraries()
endif()

# Of a program that loads LibTorch. The search path is of the older kind, which libraries of libraries follow too; it is final
# at once, since CMake would lengthen one that it replaces by a colon, which stands for the working folder.
function(margay_skip_unused_libraries target folder)
  if(MARGAY_UNUSED_LIBRARIES)
    target_link_options(${target} PRIVATE ${MARGAY_UNUSED_OPTIONS})
    set_target_properties(${target} PROPERTIES BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH ${folder})
  endif()
endfunction()
