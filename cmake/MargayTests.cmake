# margay_add_suites(TARGET LAYER): every suite of a GoogleTest program becomes a ctest of its own, LAYER.Suite. Not every
# test: each process spends .3 s on loading the 285 libraries of LibTorch, which for a thousand tests would take longer than
# all of their work. The suites are listed when ctest starts, by cmake/list_suites.cmake, so none can be forgotten.
function(margay_add_suites target layer)
  set(script ${CMAKE_CURRENT_BINARY_DIR}/${target}_suites.cmake)
  file(GENERATE OUTPUT ${script} CONTENT
"set(program [[$<TARGET_FILE:${target}>]])
set(layer ${layer})
include([[${PROJECT_SOURCE_DIR}/cmake/list_suites.cmake]])
")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${script})
endfunction()
