# margay_add_suites(TARGET LAYER): a few suites of a GoogleTest program become one ctest, LAYER.Suite,Suite,... so that
# `./test -R Suite` finds it. Not one for every suite: each process spends .3 s on loading the 285 libraries of LibTorch. The
# suites are listed when ctest starts, by cmake/list_suites.cmake, so none can be forgotten.
function(margay_add_suites target layer)
  set(script ${CMAKE_CURRENT_BINARY_DIR}/${target}_suites.cmake)
  file(GENERATE OUTPUT ${script} CONTENT
"set(program [[$<TARGET_FILE:${target}>]])
set(layer ${layer})
include([[${PROJECT_SOURCE_DIR}/cmake/list_suites.cmake]])
")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${script})
endfunction()
