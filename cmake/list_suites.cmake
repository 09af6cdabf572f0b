# Read by ctest at its start: adds a test for every suite of `program`, which belongs to `layer`.
execute_process(COMMAND ${program} --gtest_list_tests OUTPUT_VARIABLE listing ERROR_VARIABLE problem RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(WARNING "${program} cannot list its tests: ${problem}")
  add_test(${layer}.CannotListItsTests ${program} --gtest_list_tests)  # fails, so that it is seen
endif()
string(REGEX MATCHALL "(^|\n)[^ \n]+[.]" suites "${listing}")
foreach(suite IN LISTS suites)
  string(REGEX REPLACE "[\n.]" "" suite "${suite}")
  add_test(${layer}.${suite} ${program} --gtest_filter=${suite}.* --gtest_brief=1)
  set_tests_properties(${layer}.${suite} PROPERTIES LABELS unit TIMEOUT 120 SKIP_RETURN_CODE 77)
endforeach()
